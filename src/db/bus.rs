//! Short sayings after a commit: "this lane got work", "this message is settled". In this process they call who
//! subscribed; on `PostgreSQL` they also reach the other processes, sent by a connection of its own, coalesced,
//! never inside a unit of work. A saying only ever saves a poll: losing one loses nothing.

use std::sync::mpsc;
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::Duration;

use super::postgres::connect;

/// Called with every topic, on the database's threads: it must be quick and must not fail.
pub type Subscriber = Box<dyn Fn(&str) + Send + Sync>;

/// The channel of `LISTEN` and `NOTIFY`.
pub const CHANNEL: &str = "agentphone";
/// Sayings are gathered for so long before they are sent together.
const GATHER: Duration = Duration::from_millis(1);
/// `PostgreSQL` takes 8,000 bytes a notification.
const PAYLOAD_BYTES: usize = 7_500;

/// One saying of a unit of work; `far` ones also go to the other processes.
pub struct Said {
    pub topic: String,
    pub far: bool,
}

#[derive(Default)]
pub struct Bus {
    subscribers: RwLock<Vec<Subscriber>>,
    outward: Option<Mutex<mpsc::Sender<String>>>,
}

impl Bus {
    /// A bus that also reaches the other processes on the `PostgreSQL` at `url`.
    pub fn among_others(url: String) -> anyhow::Result<Self> {
        let (outward, said) = mpsc::channel();
        thread::Builder::new().name("db-announce".to_owned()).spawn(move || send(&url, &said))?;
        Ok(Self { subscribers: RwLock::default(), outward: Some(Mutex::new(outward)) })
    }

    pub fn subscribe(&self, subscriber: Subscriber) {
        self.subscribers.write().expect("subscribers do not panic").push(subscriber);
    }

    /// Tells the subscribers of this process.
    pub fn publish(&self, topic: &str) {
        self.subscribers.read().expect("subscribers do not panic").iter().for_each(|tell| tell(topic));
    }

    /// Says what a committed unit had to say.
    pub fn say(&self, said: Vec<Said>) {
        for Said { topic, far } in said {
            self.publish(&topic);
            if let (true, Some(outward)) = (far, &self.outward) {
                // The announcing thread ends with the process.
                let _ = outward.lock().expect("sending does not panic").send(topic);
            }
        }
    }
}

fn send(url: &str, said: &mpsc::Receiver<String>) {
    let mut client = None;
    while let Ok(first) = said.recv() {
        thread::sleep(GATHER);
        let mut topics = vec![first];
        topics.extend(said.try_iter());
        topics.sort_unstable();
        topics.dedup();
        if let Err(error) = notify(url, &mut client, &topics) {
            tracing::debug!(%error, "an announcement was lost; the others will find the work by looking");
            client = None;
        }
    }
}

fn notify(url: &str, client: &mut Option<::postgres::Client>, topics: &[String]) -> anyhow::Result<()> {
    let client = match client {
        Some(client) => client,
        None => client.insert(connect(url)?),
    };
    let mut rest = topics;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |topic: &&String| {
            bytes += topic.len() + 1;
            bytes <= PAYLOAD_BYTES
        };
        let fitting = rest.iter().take_while(fits).count();
        let (now, later) = rest.split_at(fitting.max(1));
        client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &now.join("\n")])?;
        rest = later;
    }
    Ok(())
}
