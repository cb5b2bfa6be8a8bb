//! The documents between server and keeper (`docs/format/keeper.md`).

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward::keeper::{ShareBytes, ShareHead, Standing, Status, Taken};
use keyward_lifecycle::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Most shares in an answer: a keeper has two.
pub(super) const SHARES_MAX: usize = 2;

/// A share in base64; its bytes are wiped when it is dropped.
pub(super) struct ShareText(pub(super) ShareBytes);

impl Serialize for ShareText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(BASE64_STANDARD.encode(self.0.expose()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for ShareText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64)
    }
}

struct Base64;

impl de::Visitor<'_> for Base64 {
    type Value = ShareText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share in base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ShareText, E> {
        let bytes = BASE64_STANDARD.decode(text);
        // The error would quote the text.
        let bytes = bytes.map_err(|_| E::custom("not base64 (RFC 4648 section 4)"))?;
        Ok(ShareText(ShareBytes::new(Zeroizing::new(bytes))))
    }
}

/// `PUT /v1/keeper/share`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PutDocument {
    share: ShareText,
    #[serde(rename = "final")]
    is_final: bool,
}

impl PutDocument {
    pub(super) fn new(share: &ShareBytes, standing: Standing) -> Self {
        let copy = ShareBytes::new(Zeroizing::new(share.expose().to_vec()));
        Self { share: ShareText(copy), is_final: standing == Standing::Final }
    }

    pub(super) fn into_share(self) -> (ShareBytes, Standing) {
        let Self { share: ShareText(share), is_final } = self;
        (share, if is_final { Standing::Final } else { Standing::Rotating })
    }
}

/// What became of a share.
#[derive(Serialize)]
pub(super) struct TakenDocument {
    taken: &'static str,
}

impl From<Taken> for TakenDocument {
    fn from(taken: Taken) -> Self {
        let taken = match taken {
            Taken::New => "new",
            Taken::Same => "same",
            Taken::Replaced => "replaced",
        };
        Self { taken }
    }
}

/// `POST /v1/keeper/share`.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FetchDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) share_set: Option<String>,
}

/// Shares, newest epoch first.
#[derive(Serialize, Deserialize)]
pub(super) struct SharesDocument {
    shares: Vec<ShareText>,
}

impl SharesDocument {
    pub(super) fn new(shares: Vec<ShareBytes>) -> Self {
        Self { shares: shares.into_iter().map(ShareText).collect() }
    }

    /// The shares, if there are not more than a keeper has.
    pub(super) fn into_shares(self) -> Option<Vec<ShareBytes>> {
        let few = self.shares.len() <= SHARES_MAX;
        few.then(|| self.shares.into_iter().map(|ShareText(share)| share).collect())
    }
}

/// `GET /v1/keeper/status`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusDocument {
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_id: Option<String>,
    shares: Vec<HeadDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
    since: String,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    Empty,
    Holding,
}

/// A share without what is secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadDocument {
    root_id: String,
    epoch: u32,
    share_set: String,
    index: u8,
    threshold: u8,
    count: u8,
    digest: String,
}

impl From<Status> for StatusDocument {
    fn from(status: Status) -> Self {
        let Status { root, shares, memory, since } = status;
        Self {
            state: if shares.is_empty() { State::Empty } else { State::Holding },
            root_id: root.map(|root| root.to_string()),
            shares: shares.into_iter().map(HeadDocument::from).collect(),
            memory,
            since: since.to_string(),
        }
    }
}

impl From<ShareHead> for HeadDocument {
    fn from(head: ShareHead) -> Self {
        let ShareHead { root, set, epoch, index, threshold, count, digest } = head;
        Self {
            root_id: root.to_string(),
            epoch,
            share_set: set.to_string(),
            index,
            threshold,
            count,
            digest: digest.to_string(),
        }
    }
}

impl StatusDocument {
    /// The status, if the document makes sense.
    pub(super) fn into_status(self) -> Option<Status> {
        let Self { state, root_id, shares, memory, since } = self;
        if shares.len() > SHARES_MAX || (state == State::Empty) != shares.is_empty() {
            return None;
        }
        let shares = shares.into_iter().map(HeadDocument::into_head);
        let shares = shares.collect::<Option<Vec<_>>>()?;
        let falls = shares.is_sorted_by(|one, next| one.epoch > next.epoch);
        let root = root_id.map(|root| root.parse()).transpose().ok()?;
        let since = since.parse::<Timestamp>().ok()?;
        falls.then_some(Status { root, shares, memory, since })
    }
}

impl HeadDocument {
    fn into_head(self) -> Option<ShareHead> {
        let Self { root_id, epoch, share_set, index, threshold, count, digest } = self;
        Some(ShareHead {
            root: root_id.parse().ok()?,
            set: share_set.parse().ok()?,
            epoch,
            index,
            threshold,
            count,
            digest: digest.parse().ok()?,
        })
    }
}
