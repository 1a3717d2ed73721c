//! One message as the parts the network carries it in: at most ten media on an MMS, and on iMessage a carousel
//! first and its text after it.

use super::Text;
use crate::channel::Channel;

/// How many media an MMS can have.
const MMS_MEDIA: usize = 10;

/// The parts of `text`, in order; nearly always just itself.
pub fn split(mut text: Text) -> Vec<Text> {
    match text.channel {
        Channel::Mms => {
            let rest = text.media_urls.split_off(text.media_urls.len().min(MMS_MEDIA));
            let later = rest.chunks(MMS_MEDIA).map(|media| Text {
                body: String::new(),
                media_urls: media.to_vec(),
                ..text.clone()
            });
            let later: Vec<Text> = later.collect();
            std::iter::once(text).chain(later).collect()
        }
        Channel::Imessage if text.media_urls.len() > 1 && !text.body.is_empty() => {
            let bubble = Text { media_urls: Vec::new(), reply_to: None, ..text.clone() };
            vec![Text { body: String::new(), effect: None, ..text }, bubble]
        }
        Channel::Sms | Channel::Imessage => vec![text],
    }
}
