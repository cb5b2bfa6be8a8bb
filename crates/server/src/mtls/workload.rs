//! An identity from the SPIFFE Workload API (SPIFFE-Workload-API section 5): a stream on a
//! socket, whose every message is the whole of what holds now.

use std::{fmt::Display, pin::pin, time::Duration};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use spiffe::{WorkloadApiClient, X509Context, X509Svid};
use tokio_stream::StreamExt as _;
use tracing::warn;

use super::{
    Parts, Role,
    material::Expected,
    refused::IdentityRefused,
    said,
    svid::{Bundle, Chain},
};

/// How long the Workload API may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long the first attempt to get the stream back waits.
const AGAIN_FIRST: Duration = Duration::from_millis(500);
/// How long each attempt waits at most.
const AGAIN_MAX: Duration = Duration::from_secs(30);

/// What the Workload API says first.
pub(super) async fn first(address: &str, expected: &Expected) -> Result<Parts, IdentityRefused> {
    let fetched = async {
        let client = connect(address).await?;
        client.fetch_x509_context().await.map_err(|error| failed(address, said(&error)))
    };
    let context = match tokio::time::timeout(ANSWER_MAX, fetched).await {
        Ok(fetched) => fetched?,
        Err(_) => return Err(failed(address, format_args!("nothing within {ANSWER_MAX:?}"))),
    };
    parts(&context, expected)
}

/// Hands to `put` whatever the Workload API pushes; a stream that ends is asked for again, after
/// a while that grows. Does not end.
pub(super) async fn watch(
    address: &str,
    expected: &Expected,
    put: impl Fn(Result<Parts, IdentityRefused>),
) {
    let mut wait = AGAIN_FIRST;
    loop {
        match follow(address, expected, &put).await {
            Ok(heard) if heard => wait = AGAIN_FIRST,
            Ok(_) => {}
            Err(error) => {
                let error = said(&error);
                warn!(error, "the identity in use stays; the Workload API is asked again");
            }
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(AGAIN_MAX);
    }
}

/// Follows one stream to its end, and says whether anything came.
async fn follow(
    address: &str,
    expected: &Expected,
    put: &impl Fn(Result<Parts, IdentityRefused>),
) -> Result<bool, IdentityRefused> {
    let wrong = |error: spiffe::WorkloadApiError| failed(address, said(&error));
    let opened = async {
        let client = connect(address).await?;
        client.stream_x509_contexts().await.map_err(wrong)
    };
    let late = |_| failed(address, format_args!("nothing within {ANSWER_MAX:?}"));
    let mut stream = pin!(tokio::time::timeout(ANSWER_MAX, opened).await.map_err(late)??);
    let mut heard = false;
    while let Some(context) = stream.next().await {
        put(parts(&context.map_err(wrong)?, expected));
        heard = true;
    }
    Ok(heard)
}

async fn connect(address: &str) -> Result<WorkloadApiClient, IdentityRefused> {
    let client = WorkloadApiClient::connect_to(address).await;
    client.map_err(|error| failed(address, said(&error)))
}

/// The one certificate that is for this process, and the authorities of its trust domain. A
/// workload may be registered under several names; ours is the one that says our role.
fn parts(context: &X509Context, expected: &Expected) -> Result<Parts, IdentityRefused> {
    let Expected { trust_domain, role } = expected;
    let missing =
        || IdentityRefused::NotRegistered { trust_domain: trust_domain.clone(), role: *role };
    let is_ours = |svid: &&std::sync::Arc<X509Svid>| {
        let id = keyward_lifecycle::spiffe::SpiffeId::parse(&svid.spiffe_id().to_string());
        id.is_ok_and(|id| id.trust_domain() == trust_domain && Role::of(&id) == Some(*role))
    };
    let svid = context.svids().iter().find(is_ours).ok_or_else(missing)?;
    let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
    let chain = svid.cert_chain().iter().map(|certificate| der(certificate.as_bytes()));
    let chain = Chain::new(chain.collect()).map_err(IdentityRefused::Given)?;
    let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
    let bundle = context.bundle_set().get(svid.spiffe_id().trust_domain()).ok_or_else(missing)?;
    let authorities = bundle.authorities().iter().map(|authority| der(authority.as_bytes()));
    let bundle = Bundle::new(authorities.collect()).map_err(IdentityRefused::Given)?;
    Ok((chain, PrivateKeyDer::Pkcs8(key), bundle))
}

fn failed(address: &str, what: impl Display) -> IdentityRefused {
    IdentityRefused::WorkloadApi { address: address.to_owned(), what: what.to_string() }
}
