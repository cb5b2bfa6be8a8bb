//! Shamir's sharing over GF(2^8).

use keyward_crypto::share::{self, Part};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{File, Tally, hex, number, shaped, tests};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if shaped(json, &["secret", "parts", "threshold", "shares"]) {
        for case in tests(json) {
            gf256(case, tally);
        }
    } else if shaped(json, &["M", "N", "Shares"]) {
        for _ in tests(json) {
            tally.pass_over("shares in the RTSS format of draft-mcgrew-tss, which we do not make");
        }
    } else if json[0][1].is_array() && json[0][2].is_string() {
        for _ in json.as_array().unwrap() {
            tally.pass_over("SLIP-39 mnemonics, which we do not make");
        }
    } else if is_word_list(&file.bytes) {
        tally.pass_over("the word list of SLIP-39 mnemonics, which we do not make");
    } else {
        return false;
    }
    true
}

/// 1024 lower-case words, one a line.
fn is_word_list(bytes: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(bytes) else { return false };
    text.lines().count() == 1024
        && text.lines().all(|word| word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase()))
}

fn gf256(case: &Value, tally: &mut Tally) {
    let secret = hex(case, "secret");
    let threshold = usize::try_from(number(case, "threshold")).unwrap();
    let parts: Vec<Vec<u8>> = case["shares"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| ::hex::decode(share.as_str().unwrap()).unwrap())
        .collect();
    if secret.len() > share::SECRET_BYTES_MAX {
        return tally.pass_over("a secret that is longer than a key");
    }
    let combined = |from: usize, count: usize| {
        let chosen: Vec<Part> =
            parts.iter().cycle().skip(from).take(count).map(|p| part(p)).collect();
        share::combine(&chosen).map(|secret| secret.to_vec())
    };
    assert!(parts.len() >= threshold, "{case}");
    for from in 0..parts.len() {
        assert_eq!(combined(from, threshold).unwrap(), secret, "{case}");
        if threshold > 2 {
            assert_ne!(combined(from, threshold - 1).unwrap(), secret, "{case}");
        }
    }
    let twice = [part(&parts[0]), part(&parts[0])];
    assert_eq!(
        share::combine(&twice).unwrap_err(),
        share::CombineFailed::Twice(twice[0].index),
        "{case}"
    );
    tally.run();
}

/// The layout of these vectors: the values, then the index.
fn part(bytes: &[u8]) -> Part {
    let (index, value) = bytes.split_last().unwrap();
    Part { index: *index, value: Zeroizing::new(value.to_vec()) }
}
