//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038), as costs: whether a character is in
//! it and how many septets it takes. The codes themselves are the affair of a carrier that packs them.

/// Every character of the default alphabet but the escape, and the euro sign of the extension, is below this.
const END: usize = 0x3aa;

static SEPTETS: [u8; END] = table();

/// 1 or 2 septets, or 0 for what the alphabet does not have.
pub(super) fn septets(character: char) -> usize {
    match SEPTETS.get(character as usize) {
        Some(septets) => usize::from(*septets),
        None if character == '€' => 2,
        None => 0,
    }
}

const fn table() -> [u8; END] {
    let mut table = [0; END];
    let mut code = 0x20;
    while code < 0x7b {
        table[code] = 1;
        code += 1;
    }
    table[b'`' as usize] = 0;
    let single = [
        '\n', '\r', '¡', '£', '¤', '¥', '§', '¿', 'Ä', 'Å', 'Æ', 'Ç', 'É', 'Ñ', 'Ö', 'Ø', 'Ü', 'ß', 'à', 'ä',
        'å', 'æ', 'è', 'é', 'ì', 'ñ', 'ò', 'ö', 'ø', 'ù', 'ü', 'Γ', 'Δ', 'Θ', 'Λ', 'Ξ', 'Π', 'Σ', 'Φ', 'Ψ',
        'Ω',
    ];
    fill(&mut table, &single, 1);
    fill(&mut table, &['\u{c}', '[', '\\', ']', '^', '{', '|', '}', '~'], 2);
    table
}

const fn fill(table: &mut [u8; END], characters: &[char], septets: u8) {
    let mut place = 0;
    while place < characters.len() {
        table[characters[place] as usize] = septets;
        place += 1;
    }
}
