//! Pages of Ogg (RFC 3533): packets with a checksum and the place in time. Only what one stream needs whose packets are
//! shorter than a page.

/// Where a page stands in its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    Middle,
    Last,
}

/// Numbers the pages of a stream.
#[derive(Default)]
pub struct Pages {
    written: u32,
}

/// Tells streams of one file apart; ours have one.
const SERIAL: u32 = 1;

impl Pages {
    /// One page with whole packets (their lacing takes at most 255 bytes), `position` being the clock after the last.
    pub fn page(&mut self, packets: &[Vec<u8>], position: u64, place: Place) -> Vec<u8> {
        let lacing: Vec<u8> = packets.iter().flat_map(|packet| lace(packet.len())).collect();
        let flag = match place {
            Place::First => 2,
            Place::Middle => 0,
            Place::Last => 4,
        };
        let mut page = b"OggS\x00".to_vec();
        page.push(flag);
        page.extend(position.to_le_bytes());
        page.extend(SERIAL.to_le_bytes());
        page.extend(self.written.to_le_bytes());
        page.extend(0_u32.to_le_bytes());
        page.push(u8::try_from(lacing.len()).expect("few packets a page"));
        page.extend(lacing);
        page.extend(packets.iter().flatten());
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        self.written += 1;
        page
    }
}

/// A length as Ogg writes it: 255 again and again, then what is left.
fn lace(length: usize) -> impl Iterator<Item = u8> {
    let rest = u8::try_from(length % 255).expect("below 255");
    std::iter::repeat_n(255, length / 255).chain(std::iter::once(rest))
}

/// CRC-32 with the polynomial 04c11db7, unreflected, from zero.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        let index = (sum >> 24) ^ u32::from(*byte);
        (sum << 8) ^ TABLE[index as usize]
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0_u32;
    while index < 256 {
        let (mut sum, mut bit) = (index << 24, 0);
        while bit < 8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { (sum << 1) ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[index as usize] = sum;
        index += 1;
    }
    table
};
