//! JSON with secrets in it, written without copies that nobody wipes.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::transport::Body;

/// An object whose bytes are wiped when it goes.
pub(crate) struct SecretJson(Zeroizing<Vec<u8>>);

impl SecretJson {
    pub(crate) fn new() -> Self {
        Self(Zeroizing::new(b"{".to_vec()))
    }

    /// A member that is no secret.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        self.member(name, value.to_string().as_bytes());
    }

    /// A member that is one.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.member(name, &quoted(text));
    }

    /// A list of secrets.
    pub(crate) fn texts(&mut self, name: &str, texts: &[Zeroizing<String>]) {
        let room = texts.iter().map(|text| room(text)).fold(2, usize::saturating_add);
        let mut list = Zeroizing::new(Vec::with_capacity(room));
        list.push(b'[');
        for (place, text) in texts.iter().enumerate() {
            if place > 0 {
                list.push(b',');
            }
            list.extend_from_slice(&quoted(text));
        }
        list.push(b']');
        self.member(name, &list);
    }

    /// An object with secrets in it.
    pub(crate) fn object(&mut self, name: &str, mut object: Self) {
        object.0.push(b'}');
        self.member(name, &object.0);
    }

    /// The object as a body.
    pub(crate) fn finish(mut self) -> Body {
        self.0.push(b'}');
        Body::Secret(self.0)
    }

    fn member(&mut self, name: &str, value: &[u8]) {
        // Room for it and for the end: a vector that grows would leave a copy behind.
        let more = value.len().saturating_add(name.len()).saturating_add(8);
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len().saturating_add(more)));
        bytes.extend_from_slice(&self.0);
        if bytes.len() > 1 {
            bytes.push(b',');
        }
        bytes.push(b'"');
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b"\":");
        bytes.extend_from_slice(value);
        self.0 = bytes;
    }
}

/// Most bytes that a text takes in JSON.
const fn room(text: &str) -> usize {
    text.len().saturating_mul(6).saturating_add(3)
}

fn quoted(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(room(text)));
    // A text always has a form in JSON, and a vector takes every byte.
    drop(serde_json::to_writer(&mut *bytes, text));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_again_as_it_was_meant() {
        let mut inner = SecretJson::new();
        inner.text("password", "a\"b\u{1}");
        let mut outer = SecretJson::new();
        outer.value("n", &serde_json::json!({"k": 1}));
        outer.object("inner", inner);
        outer.texts("shares", &[Zeroizing::new("x".to_owned()), Zeroizing::new("y".to_owned())]);
        let Body::Secret(bytes) = outer.finish() else { panic!("it is a secret") };
        let read: Value = serde_json::from_slice(&bytes).expect("JSON");
        let expected = serde_json::json!({
            "n": {"k": 1}, "inner": {"password": "a\"b\u{1}"}, "shares": ["x", "y"],
        });
        assert_eq!(read, expected);
    }
}
