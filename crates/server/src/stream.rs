//! Answers that are as long as the log: written while they are read, never whole in memory.

use std::{
    io::{self, Write},
    sync::Arc,
};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse as _, Response},
};
use keyward::Keyward;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_stream::{StreamExt as _, once, wrappers::ReceiverStream};

use crate::{app::App, problem::Problem};

/// Bytes that go out together.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for a slow reader; beyond them the writer waits, too.
const PIECES_MAX: usize = 4;

/// A piece, the end, or why there is no more.
type Piece = Result<Option<Bytes>, Problem>;

/// Answers with what `write` writes, on the pool for blocking calls.
///
/// What fails before the first piece is full is a problem with a status of its own. What fails
/// later breaks the connection off, so that nobody takes a part for the whole.
pub(crate) async fn stream<E>(
    app: &App,
    media_type: &'static str,
    write: impl FnOnce(&Keyward, &mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Result<Response, Problem>
where
    E: Send + 'static,
    Problem: From<E>,
{
    let keyward: Arc<Keyward> = app.keyward.clone();
    let (sender, mut receiver) = channel(PIECES_MAX);
    // It ends when it has written all, or when nobody reads any more.
    drop(tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { sender, waiting: Vec::new() };
        let outcome = write(&keyward, &mut pieces).map_err(Problem::from);
        pieces.end(outcome);
    }));
    let body = match receiver.recv().await {
        Some(Ok(Some(first))) => body(first, receiver),
        Some(Ok(None)) => Body::empty(),
        Some(Err(problem)) => return Err(problem),
        None => return Err(Problem::internal()),
    };
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

fn body(first: Bytes, rest: Receiver<Piece>) -> Body {
    // Without the mark of its end it was cut off: its writer panicked.
    let rest = ReceiverStream::new(rest).chain(once(Err(Problem::internal())));
    let rest = rest.take_while({
        let mut over = false;
        move |piece| {
            over |= matches!(piece, Ok(None));
            !over
        }
    });
    let rest = rest.map(|piece| match piece {
        Ok(bytes) => Ok(bytes.unwrap_or_default()),
        Err(_) => Err(io::Error::other("the rest could not be read")),
    });
    Body::from_stream(once(Ok::<_, io::Error>(first)).chain(rest))
}

/// Writes into a channel, a piece at a time.
struct Pieces {
    sender: Sender<Piece>,
    waiting: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.waiting));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(Some(piece))).map_err(gone)
    }

    fn end(mut self, outcome: Result<(), Problem>) {
        let last = match outcome {
            Ok(()) => self.send().map(|()| Ok(None)),
            Err(problem) => Ok(Err(problem)),
        };
        // Nobody may read any more.
        drop(last.map(|last| self.sender.blocking_send(last)));
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(pieces: Vec<Piece>) -> Option<Vec<u8>> {
        let (sender, receiver) = channel(PIECES_MAX);
        for piece in pieces {
            sender.send(piece).await.unwrap();
        }
        drop(sender);
        let body = body(Bytes::from_static(b"a"), receiver).collect().await;
        body.ok().map(|body| body.to_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_body_without_the_mark_of_its_end_is_broken_off() {
        let piece = || Ok(Some(Bytes::from_static(b"b")));
        assert_eq!(read(vec![piece(), Ok(None)]).await.unwrap(), b"ab");
        assert_eq!(read(vec![piece(), Err(Problem::internal())]).await, None);
        assert_eq!(read(vec![piece()]).await, None);
    }
}
