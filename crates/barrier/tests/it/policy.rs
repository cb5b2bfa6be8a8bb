//! Passwords, costs and names: what is taken and what is not.

use std::collections::BTreeSet;

use keyward_barrier::{
    Cost, CreateFailed, FieldName, RecordId, SlotLabel, create,
    password::{ALPHABET, CHARS_MIN, WeakPassword, admit, generate_password},
};
use keyward_crypto::secret::Password;

use crate::store;

/// What the password is refused for: characters that it has, or the power of ten of the
/// guesses that find it.
#[track_caller]
fn check_password(text: &str, expected: Option<(&str, usize)>) {
    let found = match create(&store::password(text), store::terms()) {
        Ok(_) => None,
        Err(CreateFailed::Password(WeakPassword::TooShort { found })) => Some(("short", found)),
        Err(CreateFailed::Password(WeakPassword::Guessable { guesses_log10, .. })) => {
            Some(("guessable", guesses_log10.into()))
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_chosen_password_has_twelve_characters() {
    // RK-010
    assert_eq!(CHARS_MIN, 12);
    check_password("x7#kQ!pZ2vb", Some(("short", 11)));
    check_password("x7#kQ!pZ2vbT", None);
    // Characters, not bytes.
    check_password("éééééé", Some(("short", 6)));
}

#[test]
fn a_long_password_of_what_is_guessed_first_is_refused() {
    // RK-010
    check_password("password1234", Some(("guessable", 4)));
    check_password("aaaaaaaaaaaaaaaaaaaaaaaa", Some(("guessable", 2)));
    check_password("qwertyuiop12345", Some(("guessable", 4)));
    check_password("keyward-keyward", Some(("guessable", 8)));
    let error = create(&store::password("password1234"), store::terms()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "password falls after some 10^4 guesses and has to stand 10^11: This is a very common password. Add another word or two. Uncommon words are better. Take several random words, or let one be generated"
    );
}

#[test]
fn strength_is_estimated_in_bounded_time() {
    // RK-010: 4096 bytes are the longest password that is taken at all.
    let long: String = (0..4096_u32).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
    check_password(&long, None);
    let bytes = Password::new((0..4096_u32).map(|n| (n * n % 251) as u8).collect()).unwrap();
    assert_eq!(admit(&bytes), Ok(()));
}

#[test]
fn a_short_password_is_refused_with_what_to_do() {
    let error = create(&store::password("short"), store::terms()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "password has 5 characters and needs at least 12, since whoever copies the store can \
         guess without limit: take several random words, or let one be generated"
    );
}

#[test]
fn a_generated_password_has_140_bits_in_symbols_that_are_not_misread() {
    let mut seen = BTreeSet::new();
    let mut symbols = BTreeSet::new();
    for _ in 0..100 {
        let password = generate_password().unwrap();
        let text = String::from_utf8(password.expose().to_vec()).unwrap();
        let groups: Vec<&str> = text.split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [7; 4]);
        symbols.extend(groups.concat().into_bytes());
        assert!(seen.insert(text), "one password twice");
    }
    assert_eq!(symbols, ALPHABET.iter().copied().collect());
}

#[test]
fn a_generated_password_is_taken() {
    let password = generate_password().unwrap();
    assert!(create(&password, store::terms()).is_ok());
}

#[track_caller]
fn check_cost(memory_kib: u32, passes: u32, lanes: u32, refused: Option<&str>) {
    let found = Cost::new(memory_kib, passes, lanes).err().map(|error| error.to_string());
    assert_eq!(found.as_deref(), refused);
}

#[test]
fn a_cost_is_within_its_limits() {
    // RK-011
    let standard = Cost::STANDARD;
    assert_eq!((standard.memory_kib(), standard.passes(), standard.lanes()), (65536, 3, 4));
    check_cost(8192, 1, 1, None);
    check_cost(1_048_576, 16, 16, None);
    let memory = "is outside 8192 to 1048576; choose a cost within";
    check_cost(8191, 1, 1, Some(&format!("Argon2id memory in KiB of 8191 {memory}")));
    check_cost(1_048_577, 1, 1, Some(&format!("Argon2id memory in KiB of 1048577 {memory}")));
    check_cost(8192, 0, 1, Some("Argon2id passes of 0 is outside 1 to 16; choose a cost within"));
    check_cost(8192, 1, 17, Some("Argon2id lanes of 17 is outside 1 to 16; choose a cost within"));
}

#[test]
fn names_are_plain_and_bounded() {
    for (id, good) in [("key-2025-prod", true), ("", false), ("-a", false), ("a/b", false)] {
        assert_eq!(RecordId::parse(id).is_ok(), good, "{id}");
    }
    assert!(RecordId::parse(&"a".repeat(129)).is_err());
    for (field, good) in [("value", true), ("Value", false), ("1a", false), ("", false)] {
        assert_eq!(FieldName::parse(field).is_ok(), good, "{field}");
    }
    assert!(FieldName::parse(&"a".repeat(33)).is_err());
    for (label, good) in [("Büro", true), ("", false), ("a\nb", false)] {
        assert_eq!(SlotLabel::parse(label).is_ok(), good, "{label}");
    }
}
