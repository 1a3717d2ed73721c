//! Letters as a search compares them: lower case, without accents, points and whatever else a person leaves out when
//! typing in a hurry. Not a normalisation of Unicode: it covers what people write texts in.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Letters that are written in several ways, after their plain form. All are lower case.
const VARIANTS: &[(char, &str)] = &[
    ('a', "àáâãäåāăąǎạảấầẩẫậắằẳẵặ"),
    ('c', "çćĉċč"),
    ('d', "ďđḍ"),
    ('e', "èéêëēĕėęěẹẻẽếềểễệ"),
    ('g', "ĝğġģǧ"),
    ('h', "ĥħḥ"),
    ('i', "ìíîïĩīĭįıǐỉị"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľŀł"),
    ('n', "ñńņňṇ"),
    ('o', "òóôõöøōŏőơǒọỏốồổỗộớờởỡợ"),
    ('r', "ŕŗř"),
    ('s', "śŝşšșṣ"),
    ('t', "ţťŧțṭ"),
    ('u', "ùúûüũūŭůűųưǔụủứừửữự"),
    ('w', "ŵẁẃẅ"),
    ('y', "ýÿŷỳỵỷỹ"),
    ('z', "źżžẓ"),
    ('α', "ά"),
    ('ε', "έ"),
    ('η', "ή"),
    ('ι', "ίϊΐ"),
    ('ο', "ό"),
    ('υ', "ύϋΰ"),
    ('ω', "ώ"),
    ('σ', "ς"),
    ('и', "йѝ"),
    ('е', "ёѐ"),
    ('і', "ї"),
    ('у', "ў"),
    ('г', "ѓ"),
    ('к', "ќ"),
    ('ا', "أإآٱ"),
    ('ي', "ىیئ"),
    ('ك', "ک"),
    ('و', "ؤ"),
];

static PLAIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    VARIANTS.iter().flat_map(|(plain, forms)| forms.chars().map(move |form| (form, *plain))).collect()
});

/// What `character` is compared as; nothing if it does not count.
pub(super) fn folded(character: char) -> impl Iterator<Item = char> {
    let lower = narrow(character).to_lowercase();
    lower
        .filter(|lower| !is_left_out(*lower))
        .map(|lower| if lower.is_ascii() { lower } else { PLAIN.get(&lower).copied().unwrap_or(lower) })
}

/// A full-width form as the character it is.
fn narrow(character: char) -> char {
    match u32::from(character) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(character),
        _ => character,
    }
}

/// Accents and points, marks of direction, joiners, variation selectors and skin tones.
fn is_left_out(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x300..=0x36f | 0x591..=0x5bd | 0x5bf | 0x5c1..=0x5c2 | 0x5c4..=0x5c5 | 0x5c7 | 0x610..=0x61a | 0x61c
        | 0x640 | 0x64b..=0x65f | 0x670 | 0x6d6..=0x6dc | 0x6df..=0x6e4 | 0x6e7..=0x6e8 | 0x6ea..=0x6ed
        | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f | 0xfeff | 0x1_f3fb..=0x1_f3ff | 0xe_0000..=0xe_01ef)
}
