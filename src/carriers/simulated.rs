//! The `simulated` carrier: a link to the simulated network, the one inside this process or one that runs as a
//! program of its own. It connects again whenever the link is lost, and acknowledges what arrives only once it is
//! stored here. Splitting into parts is in `parts`, what arrives in `arrivals`, the socket in `remote`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Answer, Capabilities, Carrier, Connection, Inbox, Outbound, Outcome, Question, Text};
use crate::id::Ids;
use crate::network::Network;
use crate::network::link::{Line, ToNetwork};

mod arrivals;
mod desk;
mod parts;
mod remote;

use self::arrivals::Arrivals;
use self::desk::Desk;

/// The first pause before connecting again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long a question may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything this carrier can do.
pub const CAPABILITIES: Capabilities = Capabilities {
    sms: true,
    mms: true,
    imessage: true,
    reactions: true,
    emoji_reactions: true,
    replies: true,
    effects: true,
    backgrounds: true,
    groups: true,
    typing: true,
    can_be_asked: true,
    makes_numbers: true,
    erases: true,
    sandbox: true,
    exclusive: false,
};

/// Where the network is.
pub enum Source {
    /// In this process.
    Inner(Network),
    /// A program of its own: the `http://` address it listens on.
    Remote(String),
}

/// What the carrier needs to go into service.
pub struct Setup {
    /// The name of the `[[carriers]]` table.
    pub name: Arc<str>,
    pub source: Source,
    /// The numbers of ours that the network is told about. One that sends becomes known by itself.
    pub lines: Vec<Line>,
    pub inbox: Inbox,
    pub ids: Ids,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Puts the carrier into service. It is up once the first link is open.
pub fn connect(setup: Setup) -> Connection {
    let Setup { name, source, lines, inbox, ids, tasks, stop } = setup;
    let (up, is_up) = watch::channel(false);
    let (offers, offered) = mpsc::unbounded_channel();
    let desk = Arc::new(Desk::default());
    let arrivals = Arrivals::new(name.clone(), inbox, desk.clone());
    tasks.spawn(stop.clone().run_until_cancelled_owned(arrivals.run(offered)));
    let keeper = Keeper { source, lines, ids, up, desk: desk.clone(), offers };
    tasks.spawn(stop.run_until_cancelled_owned(keeper.run()));
    Connection { name, capabilities: CAPABILITIES, up: is_up, carrier: Arc::new(Simulated { desk }) }
}

struct Simulated {
    desk: Arc<Desk>,
}

#[async_trait]
impl Carrier for Simulated {
    async fn submit(&self, outbound: Outbound) -> Outcome {
        match outbound {
            Outbound::Text(text) => self.submit_text(text).await,
            Outbound::Reaction { .. }
            | Outbound::Typing { .. }
            | Outbound::Background { .. }
            | Outbound::GroupName { .. } => self.desk.submit(outbound, 0, 1).await,
        }
    }

    async fn ask(&self, question: Question) -> Answer {
        tokio::time::timeout(ASK_TIMEOUT, self.desk.ask(question)).await.unwrap_or(Answer::CannotTell)
    }
}

impl Simulated {
    async fn submit_text(&self, text: Text) -> Outcome {
        let parts = parts::split(text);
        let count = u16::try_from(parts.len()).expect("a message has few media");
        let mut accepted = None;
        for (part, text) in (0..).zip(parts) {
            match self.desk.submit(Outbound::Text(text), part, count).await {
                // The first part's answer names the group that it may have started.
                outcome @ Outcome::Accepted { .. } => accepted = accepted.or(Some(outcome)),
                outcome if part == 0 => return outcome,
                outcome => return broken(part, count, &outcome),
            }
        }
        accepted.expect("every message has a part")
    }
}

/// Some parts went out and one did not: nobody can say that the message went out, or that it did not.
fn broken(part: u16, count: u16, outcome: &Outcome) -> Outcome {
    let why = match outcome {
        Outcome::Refused(failure) => &failure.reason,
        Outcome::NotOnChannel { reason } | Outcome::Later { reason, .. } | Outcome::Unknown { reason } => {
            reason
        }
        Outcome::Accepted { .. } => "it was accepted",
    };
    Outcome::Unknown { reason: format!("{part} of {count} parts went out, then: {why}") }
}

/// Keeps a link open.
struct Keeper {
    source: Source,
    lines: Vec<Line>,
    ids: Ids,
    up: watch::Sender<bool>,
    desk: Arc<Desk>,
    offers: mpsc::UnboundedSender<arrivals::Offered>,
}

impl Keeper {
    async fn run(self) {
        let mut pause = PAUSES.0;
        loop {
            let was_open = match &self.source {
                Source::Inner(network) => self.inner(network).await,
                Source::Remote(url) => remote::carry(url, &self).await,
            };
            self.up.send_replace(false);
            self.desk.close();
            pause = if was_open { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            // Between half and all of it, so that servers do not come back all at once.
            tokio::time::sleep(pause.mul_f64(0.5 + self.ids.fraction() / 2.0)).await;
        }
    }

    /// Works a link in this process until it closes; says whether it ever opened.
    async fn inner(&self, network: &Network) -> bool {
        let Ok(Some(link)) = network.link().await else { return false };
        let mut from_network = link.from_network;
        self.opened(desk::Sender::Inner(link.to_network));
        while let Some(batch) = from_network.recv().await {
            self.desk.heard(batch, &self.offers);
        }
        true
    }

    fn opened(&self, sender: desk::Sender) {
        sender.say(ToNetwork::Lines(self.lines.clone()));
        self.desk.open(sender);
        self.up.send_replace(true);
    }
}

impl Drop for Keeper {
    /// On stopping too, nobody is left waiting.
    fn drop(&mut self) {
        self.up.send_replace(false);
        self.desk.close();
    }
}
