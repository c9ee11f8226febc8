//! A blocking HTTP/1.1 client over one `TcpStream`, small enough to be seen through.
//!
//! It adds no header but `Host`, `Authorization`, `Content-Length` and (for a JSON body) `Content-Type`, never
//! retries and never follows a redirect. [`Client::raw`] sends any bytes at all.

use std::{
    cell::RefCell,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// Longest wait for bytes in either direction.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Speaks to one server with one key, over a connection it keeps alive. One thread each; cloning gives a client
/// with a connection of its own.
#[derive(Debug)]
pub struct Client {
    addr: SocketAddr,
    key: Option<String>,
    connection: RefCell<Option<BufReader<TcpStream>>>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self { addr: self.addr, key: self.key.clone(), connection: RefCell::new(None) }
    }
}

/// Status line and headers of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// `200`
    pub status: u16,
    /// In the order they came, names as sent.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status and headers.
    pub head: Head,
    /// The body as it came (still compressed where it was).
    pub body: Vec<u8>,
    /// What was asked, for messages.
    pub asked: String,
}

impl Response {
    /// `200`
    pub fn status(&self) -> u16 {
        self.head.status
    }
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// The body as JSON; panics with the whole answer where it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{self}\nis no JSON: {error}"),
        }
    }
    /// The JSON body of a 200; panics with the whole answer on any other status.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status(), 200, "{self}");
        self.json()
    }
    /// The `message` of an error with that status; panics with the whole answer where it is not one.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status(), status, "{self}");
        match self.json().get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => panic!("{self}\nhas no message"),
        }
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} -> {}", self.asked, self.head.status)?;
        for (name, value) in &self.head.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let text = self.text();
        let shown: String = text.chars().take(2_000).collect();
        write!(f, "\n{shown}{}", if shown.len() < text.len() { " …" } else { "" })
    }
}

impl Client {
    /// A client with a key; `None` sends no `Authorization`.
    pub fn new(addr: SocketAddr, key: Option<&str>) -> Self {
        Self { addr, key: key.map(str::to_owned), connection: RefCell::new(None) }
    }

    /// Where the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its key.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The same server with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self::new(self.addr, Some(key))
    }

    /// `GET`; panics where there is no answer at all.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.must("GET", target, &[], None)
    }
    /// `POST` of JSON; panics where there is no answer at all.
    #[track_caller]
    pub fn post(&self, target: &str, body: &Value) -> Response {
        self.must("POST", target, &[], Some(body.to_string().as_bytes()))
    }
    /// `PUT` of JSON; panics where there is no answer at all.
    #[track_caller]
    pub fn put(&self, target: &str, body: &Value) -> Response {
        self.must("PUT", target, &[], Some(body.to_string().as_bytes()))
    }
    /// `DELETE` without a body; panics where there is no answer at all.
    #[track_caller]
    pub fn delete(&self, target: &str) -> Response {
        self.must("DELETE", target, &[], None)
    }

    /// Makes a database and gives its id. `more` are further members of the body (`schema`).
    #[track_caller]
    pub fn create_database(&self, team: &str, name: &str, more: &Value) -> String {
        let mut body = json!({ "name": name });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let made = self.post(&format!("/v1/teams/{team}/databases"), &body).ok();
        made["id"].as_str().expect("a created database answers with its id").to_owned()
    }

    #[track_caller]
    fn must(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Response {
        match self.request(method, target, headers, body) {
            Ok(response) => response,
            Err(error) => panic!("{method} {target}: no answer: {error}"),
        }
    }

    /// Sends one request and reads the whole answer. A header given here replaces the client's own of that name;
    /// with an empty value it is left out.
    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Response> {
        let message = self.message(method, target, headers, body);
        let mut connection = match self.connection.borrow_mut().take() {
            Some(connection) if is_open(&connection) => connection,
            _ => connect(self.addr)?,
        };
        // A server may answer (413) and close before it has read everything: the answer counts, not the broken pipe.
        let sent = connection.get_mut().write_all(&message);
        let asked = format!("{method} {target}");
        let read = read_response(&mut connection, method, asked);
        match (read, sent) {
            (Ok((response, keep)), Ok(())) => {
                if keep {
                    *self.connection.borrow_mut() = Some(connection);
                }
                Ok(response)
            }
            (Ok((response, _)), Err(_)) => Ok(response),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// Sends one request on a connection of its own and gives the answer's head and a reader of its body, for
    /// answers that do not end (`live=T`).
    pub fn stream(&self, target: &str, headers: &[(&str, &str)]) -> io::Result<(Head, BodyReader)> {
        let mut connection = connect(self.addr)?;
        connection.get_mut().write_all(&self.message("GET", target, headers, None))?;
        let head = read_head(&mut connection)?;
        let framing = framing(&head, "GET");
        Ok((head, BodyReader { connection, framing }))
    }

    /// Sends these bytes on a new connection, tells the server that no more come, and reads one answer.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<Response> {
        let mut connection = connect(self.addr)?;
        let sent = connection.get_mut().write_all(bytes);
        let _ = connection.get_mut().shutdown(Shutdown::Write);
        let shown: String = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        match read_response(&mut connection, "", format!("raw {shown:?}")) {
            Ok((response, _)) => Ok(response),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }

    /// The bytes of a request.
    fn message(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Vec<u8> {
        let given = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        if !given("Host") {
            text += &format!("Host: {}\r\n", self.addr);
        }
        if let (Some(key), false) = (&self.key, given("Authorization")) {
            text += &format!("Authorization: Bearer {key}\r\n");
        }
        if let Some(body) = body {
            if !given("Content-Type") {
                text += "Content-Type: application/json\r\n";
            }
            if !given("Content-Length") && !given("Transfer-Encoding") {
                text += &format!("Content-Length: {}\r\n", body.len());
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        bytes
    }
}

fn connect(addr: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::with_capacity(64 * 1024, stream))
}

/// Whether a kept connection can be used again: nothing to read and not closed by the other side.
fn is_open(connection: &BufReader<TcpStream>) -> bool {
    let stream = connection.get_ref();
    if !connection.buffer().is_empty() || stream.set_nonblocking(true).is_err() {
        return false;
    }
    let quiet = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).is_ok() && quiet
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// Chunks; so many bytes of the current one are left.
    Chunked(u64),
    /// Until the connection closes.
    Close,
}

fn framing(head: &Head, method: &str) -> Framing {
    if method == "HEAD" || head.status == 204 || head.status == 304 {
        Framing::Length(0)
    } else if head.header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        Framing::Chunked(0)
    } else if let Some(length) = head.header("Content-Length").and_then(|v| v.trim().parse().ok()) {
        Framing::Length(length)
    } else {
        Framing::Close
    }
}

/// Reads an answer; the flag says whether the connection may be used again.
fn read_response(
    connection: &mut BufReader<TcpStream>,
    method: &str,
    asked: String,
) -> io::Result<(Response, bool)> {
    let head = read_head(connection)?;
    let mut framing = framing(&head, method);
    let mut body = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        match read_body(connection, &mut framing, &mut part)? {
            0 => break,
            n => body.extend_from_slice(&part[..n]),
        }
    }
    let keep = framing != Framing::Close
        && !head.header("Connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
    Ok((Response { head, body, asked }, keep))
}

fn read_head(connection: &mut BufReader<TcpStream>) -> io::Result<Head> {
    loop {
        let line = read_line(connection)?;
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|s| s.parse().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(invalid(&format!("not a status line: {line:?}")));
        };
        let mut head = Head { status, headers: Vec::new() };
        loop {
            let line = read_line(connection)?;
            if line.is_empty() {
                break;
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| invalid(&format!("not a header: {line:?}")))?;
            head.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        // 1xx are announcements; the answer follows.
        if head.status >= 200 {
            return Ok(head);
        }
    }
}

/// A line without its end. The connection closing in front of or in it is an error.
fn read_line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    connection.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(
            ErrorKind::UnexpectedEof,
            "the connection was closed in the answer's head",
        ));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Reads some of a body; 0 at its end. An end too early is an error.
fn read_body(
    connection: &mut BufReader<TcpStream>,
    framing: &mut Framing,
    out: &mut [u8],
) -> io::Result<usize> {
    let left = match framing {
        Framing::Close => return connection.read(out),
        Framing::Length(0) => return Ok(0),
        Framing::Length(left) => left,
        Framing::Chunked(left) => {
            if *left == 0 {
                let line = read_line(connection)?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                *left = u64::from_str_radix(digits, 16)
                    .map_err(|_| invalid(&format!("no chunk size: {line:?}")))?;
                if *left == 0 {
                    while !read_line(connection)?.is_empty() {}
                    *framing = Framing::Length(0);
                    return Ok(0);
                }
            }
            left
        }
    };
    let want = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    let got = connection.read(&mut out[..want])?;
    if got == 0 {
        return Err(io::Error::new(
            ErrorKind::UnexpectedEof,
            "the connection was closed in the answer's body",
        ));
    }
    *left -= got as u64;
    if *left == 0 && matches!(framing, Framing::Chunked(_)) {
        read_line(connection)?;
    }
    Ok(got)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

/// The body of an answer that is still coming, chunks taken apart.
#[derive(Debug)]
pub struct BodyReader {
    connection: BufReader<TcpStream>,
    framing: Framing,
}

impl BodyReader {
    /// Longest wait for the next bytes.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.connection.get_ref().set_read_timeout(Some(timeout))
    }

    /// The next server-sent event as (`id`, `event`, `data`), comments skipped; `None` at the end of the stream.
    pub fn next_event(&mut self) -> io::Result<Option<(String, String, String)>> {
        let (mut id, mut event, mut data) = (String::new(), String::new(), String::new());
        let mut any = false;
        loop {
            let Some(line) = self.next_line()? else { return Ok(None) };
            if line.is_empty() {
                if any {
                    return Ok(Some((id, event, data)));
                }
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" => value.clone_into(&mut id),
                "event" => value.clone_into(&mut event),
                "data" => {
                    if !data.is_empty() {
                        data.push('\n');
                    }
                    data.push_str(value);
                }
                _ => continue,
            }
            any = true;
        }
    }

    fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.read(&mut byte)? == 1 {
            if byte[0] == b'\n' {
                return Ok(Some(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()));
            }
            line.push(byte[0]);
        }
        Ok(None)
    }
}

impl Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        read_body(&mut self.connection, &mut self.framing, out)
    }
}

/// Encodes what may not stand in a request target, as client libraries do; `%` and everything legal stays.
pub fn percent_encode(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'[' | b']' | b'#' => {
                out += &format!("%{byte:02X}");
            }
            0x21..=0x7e => out.push(byte as char),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Answers each connection's first request with fixed bytes, then closes.
    fn serve(answers: Vec<&'static str>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut seen = Vec::new();
                let mut part = [0; 1024];
                while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
                    let n = stream.read(&mut part).unwrap();
                    if n == 0 {
                        break;
                    }
                    seen.extend_from_slice(&part[..n]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        addr
    }

    #[test]
    fn reads_all_three_framings() {
        let addr = serve(vec![
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n4;x=y\r\n1,2]\r\n0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"message\":\"x\"}",
        ]);
        let client = Client::new(addr, Some("k"));
        assert_eq!(client.get("/a").ok(), json!([]));
        assert_eq!(client.get("/b").ok(), json!([1, 2]));
        assert_eq!(client.get("/c").error(404), "x");
    }

    #[test]
    fn reads_events() {
        let addr = serve(vec![
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\n17\r\nid: 4\ndata: {\"a\":1}\n\n: x\r\n0\r\n\r\n",
        ]);
        let (head, mut body) = Client::new(addr, None).stream("/", &[]).unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(body.next_event().unwrap().unwrap(), ("4".into(), String::new(), "{\"a\":1}".into()));
        assert_eq!(body.next_event().unwrap(), None);
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        let addr = serve(vec!["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[]", "HTTP/1.1 20"]);
        let client = Client::new(addr, None);
        assert!(client.request("GET", "/", &[], None).is_err());
        assert!(client.request("GET", "/", &[], None).is_err());
    }

    #[test]
    fn encodes_only_what_must_be() {
        assert_eq!(percent_encode("/a b?x={\"ü\":1}&y=%20+'"), "/a%20b?x=%7B%22%C3%BC%22:1%7D&y=%20+'");
    }
}
