//! The simulated phone network: phones that people and tests can hold, groups, faults, a ledger of every text. It is
//! a network as far as a server can tell: it goes on living when a server dies, offers again what no server has
//! stored, and never removes a duplicate. It shares with the rest only the plain data of the carrier seam; servers
//! talk to it over a link ([`link`]), people and tests over `/sim` ([`http`]).
//!
//! One task ([`core`]) owns the state. Everything that happens is an event ([`event`]): first in the journal
//! ([`journal`]), then applied to the state ([`state`], [`apply`]); a start replays the journal.

pub mod http;
pub mod link;

mod apply;
mod asks;
mod core;
mod desk;
mod drawers;
mod erase;
mod event;
mod faults;
mod journal;
mod judge;
mod ledger;
mod links;
mod live;
mod media;
mod numbers;
mod offers;
mod phone;
mod serve;
mod socket;
mod state;
mod submits;
mod watch;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::id::Ids;

use self::core::{Command, Core};
use self::link::{FromNetwork, ToNetwork};
use self::links::LinkId;
use self::media::Shelf;

pub use self::http::{public, router};
pub use self::serve::serve;

/// The network as everyone holds it. It lives until `stop` is cancelled or the last holder is gone.
#[derive(Clone)]
pub struct Network {
    commands: mpsc::UnboundedSender<Command>,
    shelf: Arc<Shelf>,
}

/// The network has stopped.
#[derive(Debug, thiserror::Error)]
#[error("the simulated network has stopped")]
pub struct Stopped;

/// A server's end of an open link.
pub struct Link {
    pub to_network: LinkSender,
    /// Ends when the network closes the link.
    pub from_network: mpsc::UnboundedReceiver<Vec<FromNetwork>>,
}

/// Says things to the network; dropping it closes the link.
pub struct LinkSender {
    id: LinkId,
    commands: mpsc::UnboundedSender<Command>,
}

impl Network {
    /// Opens the network whose journal and pictures are in `folder` (made if need be) and starts its task.
    pub fn open(
        folder: &Path,
        clock: Clock,
        ids: Ids,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut state = state::State::default();
        let mut written = erase::Lines::default();
        let journal = journal::Journal::open(&folder.join("network.journal"), |at, event| {
            written.note(&event, at);
            state.apply(event);
        })?;
        let shelf = Arc::new(Shelf::new(folder.join("media"), ids.clone()));
        let (commands, received) = mpsc::unbounded_channel();
        tasks.spawn(Core::new(state, (journal, written), shelf.clone(), clock, ids).run(received, stop));
        Ok(Self { commands, shelf })
    }

    /// Opens a link in this process; `None` while the fault `link_down` is on.
    pub async fn link(&self) -> Result<Option<Link>, Stopped> {
        let (sender, from_network) = mpsc::unbounded_channel();
        let opened =
            self.run(move |core| (!core.state.faults.link_down).then(|| core.links.open(sender))).await?;
        let commands = self.commands.clone();
        Ok(opened.map(|id| Link { to_network: LinkSender { id, commands }, from_network }))
    }

    /// Has the phone `number` answer the next text it gets with `text`, once, by itself.
    pub async fn answer_once(&self, number: &str, text: String) -> Result<(), Stopped> {
        let number = number.to_owned();
        let change = desk::HandsetChange { answer_once: Some(text), ..Default::default() };
        // The number was written by us: it is one.
        self.run(move |core| drop(core.change_handset(&number, change))).await
    }

    /// Runs `work` on the state; its answer comes when everything that happened is in the journal.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |core: &mut Core| {
            let result = work(core);
            // An error means that nobody waits for it any more.
            Box::new(move || drop(answer.send(result))) as self::core::Deferred
        });
        self.commands.send(Command::Run(work)).map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}

impl LinkSender {
    pub fn say(&self, message: ToNetwork) {
        // An error means that the network has stopped, which closes the other direction too.
        let _ = self.commands.send(Command::Said(self.id, message));
    }
}

impl Drop for LinkSender {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Closed(self.id));
    }
}
