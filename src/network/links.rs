//! The links that are open now, and which offer is on its way over which of them. None of it is in the journal: after
//! a start, and after the loss of a link, what was on its way is simply ready again.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::mpsc::UnboundedSender;

use crate::carriers::Inbound;

use super::link::FromNetwork;

/// One connection of one server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(u64);

/// How long a server may take to store an offer before it is offered again.
const PATIENCE_MILLIS: i64 = 5_000;

/// How many offers may be on their way over one link.
const WINDOW: usize = 4_096;

/// The way to a server. What can wait in it is bounded: [`super::link::MOST_OUTSTANDING`] answers and [`WINDOW`] offers.
pub type ToServer = UnboundedSender<Vec<FromNetwork>>;

struct Link {
    id: LinkId,
    sender: ToServer,
    outbox: Vec<FromNetwork>,
    on_the_way: usize,
}

#[derive(Default)]
pub struct Links {
    open: Vec<Link>,
    last: u64,
    turn: usize,
    /// Offers that wait for a place, with the link they would rather take.
    ready: VecDeque<(u64, Option<LinkId>)>,
    on_the_way: BTreeMap<u64, (LinkId, i64)>,
    /// When each is offered again; what has been stored meanwhile is skipped.
    deadlines: VecDeque<(i64, u64)>,
    /// Texts withheld, and who waits for the answer.
    pub held: HashMap<u32, (LinkId, u64)>,
}

impl Links {
    pub fn open(&mut self, sender: ToServer) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        self.open.push(Link { id, sender, outbox: Vec::new(), on_the_way: 0 });
        id
    }

    /// Forgets a link; what was on its way over it is ready again, before everything younger.
    pub fn close(&mut self, id: LinkId) {
        self.open.retain(|link| link.id != id);
        let lost: Vec<u64> =
            self.on_the_way.iter().filter(|(_, (link, _))| *link == id).map(|(offer, _)| *offer).collect();
        for offer in lost.into_iter().rev() {
            self.on_the_way.remove(&offer);
            self.ready.push_front((offer, None));
        }
    }

    pub fn ids(&self) -> Vec<LinkId> {
        self.open.iter().map(|link| link.id).collect()
    }

    pub fn is_open(&self, id: LinkId) -> bool {
        self.open.iter().any(|link| link.id == id)
    }

    /// Says something on a link; to one that has closed nothing is said.
    pub fn say(&mut self, id: LinkId, message: FromNetwork) {
        if let Some(link) = self.open.iter_mut().find(|link| link.id == id) {
            link.outbox.push(message);
        }
    }

    pub fn make_ready(&mut self, offer: u64, rather: Option<LinkId>) {
        self.ready.push_back((offer, rather));
    }

    /// A server has stored `offer`.
    pub fn stored(&mut self, offer: u64) {
        if let Some((link, _)) = self.on_the_way.remove(&offer) {
            self.arrived(link);
        }
    }

    /// Something for whichever link is next, offered once only.
    pub fn offer_once(&mut self, inbound: Inbound) {
        if let Some(place) = self.place(None) {
            self.open[place].outbox.push(FromNetwork::Offer { id: 0, inbound: Box::new(inbound) });
        }
    }

    /// Offers what is ready as far as there is room; `word` says what each offer is, `None` that it is settled.
    pub fn offer(&mut self, now: i64, word: impl Fn(u64) -> Option<Inbound>) {
        while let Some(&(id, rather)) = self.ready.front() {
            let Some(place) = self.place(rather) else { return };
            self.ready.pop_front();
            let Some(inbound) = word(id) else { continue };
            let link = &mut self.open[place];
            link.outbox.push(FromNetwork::Offer { id, inbound: Box::new(inbound) });
            link.on_the_way += 1;
            let deadline = now + PATIENCE_MILLIS;
            self.on_the_way.insert(id, (link.id, deadline));
            self.deadlines.push_back((deadline, id));
        }
    }

    /// What has not been stored for too long is ready again.
    pub fn expire(&mut self, now: i64) {
        while let Some(&(deadline, offer)) = self.deadlines.front() {
            match self.on_the_way.get(&offer) {
                Some(&(link, until)) if until == deadline => {
                    if deadline > now {
                        return;
                    }
                    self.on_the_way.remove(&offer);
                    self.arrived(link);
                    self.ready.push_back((offer, None));
                }
                Some(_) | None => {}
            }
            self.deadlines.pop_front();
        }
    }

    /// When [`Links::expire`] has something to do again.
    pub fn next_deadline(&self) -> Option<i64> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Sends what was said, one batch a link.
    pub fn send(&mut self) {
        for link in &mut self.open {
            if !link.outbox.is_empty() {
                // A link whose other end is gone is closed by its own message.
                let _ = link.sender.send(std::mem::take(&mut link.outbox));
            }
        }
    }

    fn arrived(&mut self, id: LinkId) {
        if let Some(link) = self.open.iter_mut().find(|link| link.id == id) {
            link.on_the_way -= 1;
        }
    }

    /// A link with room: the wished one, else the next in turn.
    fn place(&mut self, rather: Option<LinkId>) -> Option<usize> {
        let roomy = |link: &Link| link.on_the_way < WINDOW;
        if let Some(place) = self.open.iter().position(|link| Some(link.id) == rather && roomy(link)) {
            return Some(place);
        }
        let count = self.open.len();
        let place =
            (0..count).map(|step| (self.turn + step) % count).find(|place| roomy(&self.open[*place]))?;
        self.turn = place + 1;
        Some(place)
    }
}
