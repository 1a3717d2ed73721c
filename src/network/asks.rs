//! What servers ask: what became of a message, how a person can be reached, a number to have or to give back.

use crate::carriers::{Answer, Question};
use crate::channel::Channel;

use super::core::Core;
use super::event::Event;
use super::judge::never_seen;
use super::link::FromNetwork;
use super::links::LinkId;

/// A question that waits until every other link has said what it had under way.
pub struct Asked {
    link: LinkId,
    seq: u64,
    message_id: String,
    channel: Channel,
    fence: u64,
    waiting: Vec<LinkId>,
}

impl Core {
    pub fn ask(&mut self, link: LinkId, seq: u64, question: Question) {
        let answer = match question {
            Question::Message { message_id, channel, .. } => match self.state.fate(&message_id, channel) {
                Some(answer) => answer,
                None => return self.ask_others(link, seq, message_id, channel),
            },
            Question::Reach { address, .. } => {
                let imessage = self.state.is_on_imessage(&address);
                Answer::Reach { imessage, sms: !address.contains('@') }
            }
            Question::FreshNumber { country, area_code, imessage } => {
                let number = self.fresh_number(&country, area_code.as_deref(), imessage);
                number.map_or(Answer::NoNumber, Answer::Number)
            }
            Question::NumberReleased { number } => {
                self.record(Event::LineGone(number));
                Answer::Done
            }
            Question::Erase { messages } => self.erase(&messages),
        };
        self.links.say(link, FromNetwork::Answer { seq, answer });
    }

    /// The message was never seen. That is certain once every other link has said what it had under way: the
    /// message may still be in the last words of a server that was killed.
    fn ask_others(&mut self, link: LinkId, seq: u64, message_id: String, channel: Channel) {
        self.fences += 1;
        let fence = self.fences;
        let mut waiting = self.links.ids();
        waiting.retain(|other| *other != link);
        for other in &waiting {
            self.links.say(*other, FromNetwork::Fence { fence });
        }
        self.asked.push(Asked { link, seq, message_id, channel, fence, waiting });
        self.settle_asked();
    }

    /// `link` has passed a fence, or all of them because it closed.
    pub fn passed(&mut self, link: LinkId, fence: Option<u64>) {
        for asked in &mut self.asked {
            if fence.is_none_or(|fence| fence == asked.fence) {
                asked.waiting.retain(|other| *other != link);
            }
        }
        self.settle_asked();
    }

    fn settle_asked(&mut self) {
        let Self { asked, links, state, .. } = self;
        asked.retain(|asked| {
            if !asked.waiting.is_empty() {
                return links.is_open(asked.link);
            }
            let answer = state.fate(&asked.message_id, asked.channel).unwrap_or_else(never_seen);
            links.say(asked.link, FromNetwork::Answer { seq: asked.seq, answer });
            false
        });
    }
}
