//! Opus in Ogg (RFC 7845), by libopus: one voice, packets of 20 ms.

use opus::{Application, Bitrate, Channels, Encoder};

use super::AudioError;
use super::encode::Encode;
use super::ogg::{Pages, Place};

/// The clock of Opus in Ogg, whatever the rate of the samples.
const CLOCK: u32 = 48_000;
/// Bits a second: one voice in full band.
const BIT_RATE: i32 = 40_000;
/// Packets a page: 200 ms.
const PACKETS: usize = 10;
const LONGEST_PACKET: usize = 1_500;

/// libopus takes five rates.
pub fn rate(rate: u32) -> u32 {
    if matches!(rate, 8_000 | 12_000 | 16_000 | 24_000 | 48_000) { rate } else { 24_000 }
}

pub struct Writer {
    encoder: Encoder,
    rate: u32,
    /// Ticks of the clock that a decoder drops in front: what the encoder looks ahead.
    pre_skip: u32,
    pages: Pages,
    header: Vec<u8>,
    waiting: Vec<i16>,
    /// Packets that are not in a page yet.
    packets: Vec<Vec<u8>>,
    received: u64,
    encoded: u64,
    wrote_sound: bool,
}

impl Writer {
    pub fn new(rate: u32) -> Result<Self, AudioError> {
        let unusable = AudioError::Rate { rate };
        let mut encoder = Encoder::new(rate, Channels::Mono, Application::Audio).map_err(|_| unusable)?;
        encoder.set_bitrate(Bitrate::Bits(BIT_RATE)).map_err(|_| unusable)?;
        let ahead = u32::try_from(encoder.get_lookahead().unwrap_or(0)).unwrap_or(0);
        let pre_skip = ahead * (CLOCK / rate);
        let mut pages = Pages::default();
        let mut header = pages.page(&[head(rate, pre_skip)], 0, Place::First);
        header.extend(pages.page(&[tags()], 0, Place::Middle));
        Ok(Self {
            encoder,
            rate,
            pre_skip,
            pages,
            header,
            waiting: Vec::new(),
            packets: Vec::new(),
            received: 0,
            encoded: 0,
            wrote_sound: false,
        })
    }

    /// Samples a packet.
    fn frame(&self) -> usize {
        self.rate as usize / 50
    }

    fn encode(&mut self) {
        let frame = self.frame();
        let whole = self.waiting.len() / frame * frame;
        for samples in self.waiting[..whole].chunks_exact(frame) {
            let packet = self.encoder.encode_vec(samples, LONGEST_PACKET).expect("a frame of 20 ms");
            self.packets.push(packet);
            self.encoded += frame as u64;
        }
        self.waiting.drain(..whole);
    }

    /// The pages that are full; the first one leaves with the first packet.
    fn pages(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.header);
        let ticks = u64::from(CLOCK / self.rate);
        // One packet stays back: the last page has to be marked.
        while self.packets.len() > PACKETS || (!self.wrote_sound && self.packets.len() > 1) {
            let many = if self.wrote_sound { PACKETS } else { 1 };
            let rest = self.packets.split_off(many);
            let packets = std::mem::replace(&mut self.packets, rest);
            let pending = (self.packets.len() * self.frame()) as u64;
            bytes.extend(self.pages.page(&packets, (self.encoded - pending) * ticks, Place::Middle));
            self.wrote_sound = true;
        }
        bytes
    }
}

impl Encode for Writer {
    fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        self.received += samples.len() as u64;
        self.waiting.extend_from_slice(samples);
        self.encode();
        self.pages()
    }

    /// Silence fills up the last packet and what the encoder looked ahead; the last page says where the sound ends.
    fn finish(&mut self) -> Vec<u8> {
        let ticks = u64::from(CLOCK / self.rate);
        let needed = self.received + u64::from(self.pre_skip) / ticks;
        while self.encoded < needed {
            let frame = self.frame();
            self.waiting.resize(self.waiting.len().div_ceil(frame).max(1) * frame, 0);
            self.encode();
        }
        let mut bytes = self.pages();
        let last = std::mem::take(&mut self.packets);
        bytes.extend(self.pages.page(&last, needed * ticks, Place::Last));
        bytes
    }
}

/// The identification header.
fn head(rate: u32, pre_skip: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(u16::try_from(pre_skip).unwrap_or(0).to_le_bytes());
    head.extend(rate.to_le_bytes());
    // No gain, and the one family of channels that needs no table.
    head.extend([0, 0, 0]);
    head
}

/// The comment header: who wrote it, and no comments.
fn tags() -> Vec<u8> {
    const WRITER: &[u8] = b"AgentPhone";
    let mut tags = b"OpusTags".to_vec();
    tags.extend(u32::try_from(WRITER.len()).expect("a short name").to_le_bytes());
    tags.extend(WRITER);
    tags.extend(0_u32.to_le_bytes());
    tags
}
