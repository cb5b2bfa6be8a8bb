//! Shares as people write them down: base32 (RFC 4648 §6, no padding) in groups of five.

use zeroize::Zeroizing;

use super::{MalformedShare, SHARE_BYTES, SHARE_CHARS_MAX};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters between two hyphens.
const GROUP_CHARS: usize = 5;

/// The text of a share.
pub(super) fn encode(bytes: &[u8], prefix: &str) -> Zeroizing<String> {
    // Room for all from the start: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(SHARE_CHARS_MAX));
    text.push_str(prefix);
    let (mut held, mut bits, mut written) = (0_u32, 0_u32, 0_usize);
    let mut push = |value: u32| {
        if written.is_multiple_of(GROUP_CHARS) {
            text.push('-');
        }
        let at = usize::try_from(value & 0x1f).unwrap_or(0);
        text.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'A')));
        written = written.saturating_add(1);
    };
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            push(held >> bits);
        }
        held &= 0xff;
    }
    if bits > 0 {
        push(held << 5_u32.saturating_sub(bits));
    }
    text
}

/// The bytes of a text; `prefix` is that of the kind that is expected, `name` its name.
pub(super) fn decode(
    text: &str,
    prefix: &str,
    name: &'static str,
) -> Result<Zeroizing<Vec<u8>>, MalformedShare> {
    if text.len() > SHARE_CHARS_MAX {
        return Err(MalformedShare::Malformed("it is too long"));
    }
    let mut symbols = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-')
        .map(|byte| byte.to_ascii_uppercase());
    read_prefix(&mut symbols, prefix.as_bytes(), name)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(SHARE_BYTES));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for symbol in symbols {
        let place = ALPHABET.iter().position(|known| *known == symbol);
        let value = place.and_then(|place| u32::try_from(place).ok()).ok_or(
            MalformedShare::Malformed("it has characters other than A to Z, 2 to 7 and hyphens"),
        )?;
        held = (held << 5) | value;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            if bytes.len() == SHARE_BYTES {
                return Err(MalformedShare::Malformed("it is too long"));
            }
            bytes.extend(u8::try_from((held >> bits) & 0xff).ok());
        }
        held &= 0xff;
    }
    if bytes.len() < SHARE_BYTES {
        return Err(MalformedShare::Malformed("it is too short"));
    }
    if bits >= 5 || held & (1_u32 << bits).saturating_sub(1) != 0 {
        return Err(MalformedShare::Malformed("its last character is not one that ends a share"));
    }
    Ok(bytes)
}

/// Reads `KWR1` or `KWK1`; the last character is the version.
fn read_prefix(
    symbols: &mut impl Iterator<Item = u8>,
    expected: &[u8],
    name: &'static str,
) -> Result<(), MalformedShare> {
    let mut found = [0; 4];
    for place in &mut found {
        *place = symbols.next().ok_or(MalformedShare::Malformed("it is too short"))?;
    }
    match found {
        [b'K', b'W', b'R' | b'K', b'1'] if found == expected => Ok(()),
        [b'K', b'W', b'R' | b'K', b'1'] => Err(MalformedShare::AnotherKind { expected: name }),
        [b'K', b'W', b'R' | b'K', version @ b'0'..=b'9'] => {
            Err(MalformedShare::UnknownVersion(version.saturating_sub(b'0')))
        }
        _ => Err(MalformedShare::Malformed("it does not start with KWR1 or KWK1")),
    }
}
