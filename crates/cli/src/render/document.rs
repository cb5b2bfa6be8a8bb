//! A JSON document of the API, read member by member; absent members are absent lines.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::exit::Failure;

/// A JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.is_empty() {
            return Ok(Self(Value::Null));
        }
        let parsed = serde_json::from_slice(bytes).map(Self);
        parsed.map_err(|error| Failure::error(format!("the answer is not JSON: {error}")))
    }

    /// As programs get it: indented, members in the order of their names, one line end.
    pub(crate) fn to_json(&self) -> String {
        format!("{:#}\n", self.0)
    }

    /// On one line.
    pub(crate) fn to_line(&self) -> String {
        format!("{}\n", self.0)
    }

    pub(crate) const fn value(&self) -> &Value {
        &self.0
    }

    /// A member as text: a string without what could steer a terminal, a number, a truth value.
    pub(crate) fn text(&self, member: &str) -> Option<String> {
        scalar(self.0.get(member)?)
    }

    pub(crate) fn number(&self, member: &str) -> Option<u64> {
        self.0.get(member)?.as_u64()
    }

    pub(crate) fn is_true(&self, member: &str) -> bool {
        self.0.get(member).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A member that is a document itself.
    pub(crate) fn inner(&self, member: &str) -> Option<Self> {
        self.0.get(member).filter(|value| value.is_object()).cloned().map(Self)
    }

    /// The names of its members.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// The documents of a list; empty if there is none.
    pub(crate) fn list(&self, member: &str) -> Vec<Self> {
        let list = self.0.get(member).and_then(Value::as_array);
        list.into_iter().flatten().cloned().map(Self).collect()
    }

    /// The texts of a list; empty if there is none.
    pub(crate) fn texts(&self, member: &str) -> Vec<String> {
        let list = self.0.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(scalar).collect()
    }

    /// The texts of a list, joined; `None` if there are none.
    pub(crate) fn joined(&self, member: &str) -> Option<String> {
        let texts = self.texts(member);
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    /// Where the next page begins.
    pub(crate) fn cursor(&self) -> Option<String> {
        match self.0.get("next")? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Texts by their names.
    pub(crate) fn texts_by_name(&self, member: &str) -> BTreeMap<String, String> {
        let texts = self.0.get(member).and_then(Value::as_object).into_iter().flatten();
        let text =
            |(name, text): (&String, &Value)| Some((name.clone(), text.as_str()?.to_owned()));
        texts.filter_map(text).collect()
    }

    /// The values of a list, taken out.
    pub(crate) fn into_list(mut self, member: &str) -> Vec<Value> {
        match self.0.get_mut(member).map(Value::take) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(plain(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `text` without what could steer a terminal: control characters, and the marks that turn the
/// direction of writing (Unicode Standard Annex 9 section 2).
pub(crate) fn plain(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let document = Document::from(json!({"name": "a\u{1b}[31m\u{202e}b\n"}));
        let expected = "a\u{fffd}[31m\u{fffd}b\u{fffd}".to_owned();
        assert_eq!(document.text("name"), Some(expected));
    }

    #[test]
    fn a_page_says_where_the_next_begins() {
        assert_eq!(Document::from(json!({"next": 7})).cursor(), Some("7".to_owned()));
        assert_eq!(Document::from(json!({"next": "k"})).cursor(), Some("k".to_owned()));
        assert_eq!(Document::from(json!({"next": null})).cursor(), None);
    }
}
