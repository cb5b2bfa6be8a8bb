//! The keepers: the root key split among those of the configuration.

use axum::extract::State;
use keyward::root::RootError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Bounded, Input, Outcome},
    identity::Caller,
    problem::ProblemDocument,
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(split))
}

/// How the root key is split.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SplitAmongKeepers {
    /// How many shares give the key, from 2; as the configuration says if nothing is said.
    threshold: Option<u8>,
}

impl Bounded for SplitAmongKeepers {}

/// Among whom the root key was split.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SplitRootKey)]
pub(crate) struct Split {
    threshold: u8,
    names: Vec<String>,
}

/// Splits the root key anew among the keepers that the configuration names, each of which gets
/// its share at once. One that holds a share is left out by a rotation only.
#[utoipa::path(post, path = "/root-key/keepers", tag = "root", request_body = SplitAmongKeepers,
    responses((status = 200, body = Split), (status = "default", body = ProblemDocument)))]
pub(crate) async fn split(
    State(app): State<App>,
    caller: Caller,
    Input(SplitAmongKeepers { threshold }): Input<SplitAmongKeepers>,
) -> Outcome<Split> {
    let care = app.root.clone();
    let split = run(&app, move |keyward| {
        let Some(keepers) = &care.keepers else {
            let why = "the configuration of what has the store open names no keepers \
                       (rootKey.keepers)";
            return Err(RootError::Malformed(why.to_owned()));
        };
        let (wanted, names) = keepers.configured();
        let threshold = threshold.unwrap_or(wanted);
        if let Some(set) = keyward.keeper_set()? {
            let gone = set.shares().find(|(name, _)| !names.iter().any(|known| known == name));
            if let Some((name, _)) = gone {
                return Err(RootError::Malformed(format!(
                    "{name} holds a share, and is not in the configuration: put it back, or remove \
                     it by a rotation, with `keyward root slot remove keeper {name}`"
                )));
            }
        }
        let actor = caller.actor(keyward)?;
        keyward.set_keepers(&actor, threshold, &names, &mut |shares, standing| {
            care.deliver(shares, standing)
        })?;
        Ok(Split { threshold, names })
    });
    Ok(Answer::ok(split.await?))
}
