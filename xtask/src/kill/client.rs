//! The little of HTTP/1.1 that the clients speak over the server's socket.

use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Longest body that is read; a signed envelope has a few kilobytes.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Client {
    stream: BufReader<UnixStream>,
}

/// What came back whole: a status and a document.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The body; `null` if there is none.
    pub(super) body: Value,
}

impl Client {
    /// Connects to the server's socket.
    pub(super) fn connect(socket: &Path) -> io::Result<Self> {
        UnixStream::connect(socket).map(|stream| Self { stream: BufReader::new(stream) })
    }

    /// Posts `body` and waits for the answer; an error means that it is not known what became
    /// of the request.
    pub(super) fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.ask("POST", path, &body.to_string())
    }

    /// As [`Self::post`], with PUT.
    pub(super) fn put(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.ask("PUT", path, &body.to_string())
    }

    /// As [`Self::post`], with GET.
    pub(super) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, "")
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [&head, body].concat();
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(cut)?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(|_| cut())?;
            }
        }
        let length = u64::min(length, BODY_BYTES_MAX);
        let mut body = Vec::new();
        self.stream.by_ref().take(length).read_to_end(&mut body)?;
        if u64::try_from(body.len()) != Ok(length) {
            return Err(cut());
        }
        if body.is_empty() {
            return Ok(Answer { status, body: Value::Null });
        }
        let body = serde_json::from_slice(&body).map_err(io::Error::other)?;
        Ok(Answer { status, body })
    }

    /// A line of the head, without its end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(cut)
    }
}

/// The answer ended early, as it does when its server is killed.
fn cut() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

#[cfg(test)]
mod tests {
    use super::Client;
    use std::io::{BufReader, Write as _};
    use std::os::unix::net::UnixStream;

    #[track_caller]
    fn check(said: &str, expected: Option<(u16, &str)>) {
        let (mut server, ours) = UnixStream::pair().unwrap();
        server.write_all(said.as_bytes()).unwrap();
        drop(server);
        let mut client = Client { stream: BufReader::new(ours) };
        let answer = client.answer().ok().map(|a| (a.status, a.body.to_string()));
        assert_eq!(answer, expected.map(|(status, body)| (status, body.to_owned())));
    }

    #[test]
    fn only_a_whole_answer_is_one() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n";
        check(&format!("{head}{{\"a\":1}}"), Some((200, "{\"a\":1}")));
        check(&format!("{head}{{\"a\":"), None);
        check("HTTP/1.1 200 OK\r\nconte", None);
        check("HTTP/1.1 204 No Content\r\n\r\n", Some((204, "null")));
        check("", None);
    }
}
