use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, TcpListener},
    thread,
    time::Duration,
};

use boobook_app::{HttpRequest, Mail, Undelivered};
use boobook_model::FileEntry;
use bytes::Bytes;
use tokio::runtime::Runtime;

use super::{Network, guard, mail::Mailer, web::Web};
use crate::config::{MailTls, ScriptHttpSettings, ScriptMailSettings};

#[test]
fn addresses_that_scripts_may_reach() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.1.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(guard::check(address.parse().unwrap(), &[]).is_err(), "{address}");
    }
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.0.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::",
        "2606:4700::1111",
        "2a00:1450::1",
    ] {
        assert_eq!(guard::check(address.parse().unwrap(), &[]), Ok(()), "{address}");
    }
}

#[test]
fn networks_that_are_allowed() {
    let cases = [
        ("10.0.0.0/8", "10.255.1.2", true),
        ("10.0.0.0/8", "172.16.0.1", false),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false),
        ("0.0.0.0/0", "127.0.0.1", true),
        ("fd00::/8", "fd12::1", true),
        ("fd00::/8", "fc12::1", false),
        ("::/0", "fe80::1", true),
        ("::/0", "10.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
    ];
    for (network, address, is_allowed) in cases {
        let allowed: Network = network.parse().unwrap();
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(guard::check(address, &[allowed]).is_ok(), is_allowed, "{network} {address}");
    }
    for wrong in ["", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "1.1.1.1/-1"] {
        assert!(wrong.parse::<Network>().is_err(), "{wrong}");
    }
}

/// Answers connections one after the other, each with the answer to its request's first line.
fn server(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&buffer[..read]),
                }
            }
            // A client that has gone away is part of some tests.
            let _ = stream.write_all(answer(&String::from_utf8_lossy(&request)).as_bytes());
        }
    });
    format!("http://{address}")
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

fn ask(settings: &ScriptHttpSettings, url: &str, time_max: Duration) -> Result<(String, String), String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Runtime::new().unwrap();
    let web = Web::new(settings, runtime.handle().clone()).unwrap();
    let request = HttpRequest {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("X-Test".into(), "yes".into())],
        body: Some("hello".into()),
    };
    web.http(request, time_max)
        .map(|answer| (answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

const LONG: Duration = Duration::from_secs(20);

fn open() -> ScriptHttpSettings {
    ScriptHttpSettings { allow: vec!["127.0.0.0/8".into(), "::1".into()], ..ScriptHttpSettings::default() }
}

#[test]
fn a_request_and_its_answer() {
    let url = server(|request| {
        let is_right = request.starts_with("POST /a?b=1 HTTP/1.1\r\n") && request.contains("x-test: yes\r\n");
        answer(if is_right { "201 Created" } else { "400 Bad Request" }, "", "done")
    });
    assert_eq!(ask(&open(), &format!("{url}/a?b=1"), LONG), Ok(("201 Created".into(), "done".into())));
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(ask(&open(), &format!("{by_name}/a?b=1"), LONG).unwrap().0, "201 Created");
}

#[test]
fn what_is_not_reached() {
    let url = server(|_| answer("200 OK", "", "secret"));
    let closed = ScriptHttpSettings::default();
    let (_, port) = url.rsplit_once(':').unwrap();
    for host in
        ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0", "127.1"]
    {
        let error = ask(&closed, &format!("http://{host}:{port}/"), LONG).unwrap_err();
        assert!(error.contains("which scripts may not reach here"), "{host}: {error}");
    }
    for (url, about) in [
        ("file:///etc/passwd", "\"file\" is not http or https"),
        ("ftp://example.com/", "is not http or https"),
        ("nonsense", "is no web address"),
        ("http://", "is no web address"),
    ] {
        let error = ask(&closed, url, LONG).unwrap_err();
        assert!(error.contains(about), "{url}: {error}");
    }
}

#[test]
fn redirects_are_looked_at() {
    let to = |target: &str| answer("307 Temporary Redirect", &format!("Location: {target}\r\n"), "");
    // Open is 127.0.0.1 only: a redirect leads on to another address of this machine.
    let only = ScriptHttpSettings { allow: vec!["127.0.0.1".into()], ..ScriptHttpSettings::default() };
    for target in ["http://127.0.0.2/", "http://169.254.169.254/latest/", "http://[::1]/"] {
        let location = target.to_owned();
        let url = server(move |_| to(&location));
        let error = ask(&only, &url, LONG).unwrap_err();
        assert!(error.contains("may not reach here"), "{target}: {error}");
    }
    let url = server(move |_| to("file:///etc/passwd"));
    assert_eq!(ask(&only, &url, LONG).unwrap().0, "307 Temporary Redirect");
    let url = server(move |request| {
        let times: usize = request.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        if times == 0 { answer("200 OK", "", "end") } else { to(&format!("/{}", times - 1)) }
    });
    assert_eq!(ask(&only, &format!("{url}/5"), LONG).unwrap().1, "end");
    let error = ask(&only, &format!("{url}/6"), LONG).unwrap_err();
    assert!(error.contains("redirected more than 5 times"), "{error}");
}

#[test]
fn answers_are_bounded() {
    let url = server(|_| answer("200 OK", "", &"x".repeat(2_000)));
    let small = ScriptHttpSettings { answer_bytes_max: 1_999, ..open() };
    assert!(ask(&small, &url, LONG).unwrap_err().contains("larger than 1999 bytes"));
    let enough = ScriptHttpSettings { answer_bytes_max: 2_000, ..open() };
    assert_eq!(ask(&enough, &url, LONG).unwrap().1.len(), 2_000);
}

#[test]
fn one_that_does_not_answer_is_left() {
    // Nobody accepts: the connection is there, an answer never comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(ask(&open(), &url, Duration::from_millis(50)), Err("no answer within 50 ms".into()));
    let quick = ScriptHttpSettings { timeout_ms: 60, ..open() };
    assert_eq!(ask(&quick, &url, LONG), Err("no answer within 60 ms".into()));
    drop(listener);
    let error = ask(&open(), &url, LONG).unwrap_err();
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

/// A mail server that takes one message from whoever comes, but none for `nobody`.
fn sink() -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut said = String::new();
        let mut is_message = false;
        stream.write_all(b"220 sink\r\n").unwrap();
        while let Some(Ok(line)) = lines.next() {
            said.push_str(&line);
            said.push('\n');
            let answer = match &*line {
                "." => "250 taken",
                _ if is_message => continue,
                "DATA" => "354 go on",
                "QUIT" => break,
                line if line.contains("nobody") => "550 no such user",
                _ => "250 fine",
            };
            is_message = line == "DATA";
            stream.write_all(format!("{answer}\r\n").as_bytes()).unwrap();
        }
        said
    });
    (port, taken)
}

fn post(port: u16, mail: &Mail, time_max: Duration) -> Result<(), Undelivered> {
    post_with(port, mail, &[], time_max)
}

fn post_with(port: u16, mail: &Mail, contents: &[Bytes], time_max: Duration) -> Result<(), Undelivered> {
    let settings = ScriptMailSettings {
        host: "127.0.0.1".into(),
        port,
        tls: MailTls::None,
        from: "Boobook <db@example.com>".into(),
        ..ScriptMailSettings::default()
    };
    let mailer = Mailer::new(&settings).unwrap().unwrap();
    let is_one = mailer.check(mail);
    let sent = Runtime::new().unwrap().block_on(mailer.send(mail, contents, time_max));
    if let Err(message) = is_one {
        assert_eq!(sent, Err(Undelivered { message, is_final: true }), "what is no message is not sent");
    }
    sent
}

#[test]
fn a_message_is_handed_over() {
    let (port, taken) = sink();
    let mail = Mail {
        to: vec!["Ada <ada@example.com>".into()],
        bcc: vec!["secret@example.com".into()],
        reply_to: Some("answers@example.com".into()),
        // What begins a header of its own must stay in the subject's.
        subject: "Grüße\r\nBcc: evil@example.com".into(),
        text: Some("Hello".into()),
        html: Some("<b>Hello</b>".into()),
        ..Mail::default()
    };
    assert_eq!(post(port, &mail, LONG), Ok(()));
    let said = taken.join().unwrap();
    for part in [
        "MAIL FROM:<db@example.com>",
        "RCPT TO:<ada@example.com>",
        "RCPT TO:<secret@example.com>",
        "From: Boobook <db@example.com>",
        "To: Ada <ada@example.com>",
        "Reply-To: answers@example.com",
        "multipart/alternative",
        "<b>Hello</b>",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let headers = said.lines().filter(|line| line.starts_with("Bcc:")).count();
    assert!(headers == 0 && !said.contains("RCPT TO:<evil"), "{said}");
}

#[test]
fn files_go_along() {
    let file = |name: &str, content_type: &str| FileEntry {
        name: name.into(),
        size: 5,
        sha256: String::new(),
        content_type: content_type.into(),
        modified_at_ms: 0,
        modified_by: String::new(),
    };
    let attachments =
        vec![file("Grüße.txt", "text/plain"), file("b.bin", "no type\r\nBcc: evil@example.com")];
    let contents = [Bytes::from_static(b"Hello"), Bytes::from_static(&[0, 255, 10])];
    for (html, text) in [(None, Some("Hi")), (Some("<b>Hi</b>"), None), (Some("<b>Hi</b>"), Some("Hi"))] {
        let (port, taken) = sink();
        let mail = Mail {
            to: vec!["ada@example.com".into()],
            html: html.map(str::to_owned),
            text: text.map(str::to_owned),
            attachments: attachments.clone(),
            ..Mail::default()
        };
        post_with(port, &mail, &contents, LONG).unwrap();
        let said = taken.join().unwrap();
        for part in [
            "multipart/mixed",
            "Content-Type: text/plain\n",
            "Content-Type: application/octet-stream\n",
            "filename=\"b.bin\"",
            "AP8K",
            "Hello",
            "Hi",
        ] {
            assert!(said.contains(part), "{part} is not in\n{said}");
        }
        assert!(!said.contains("evil"), "{said}");
        assert_eq!(said.contains("multipart/alternative"), html.and(text).is_some());
    }
}

#[test]
fn messages_that_are_not_sent() {
    let to = |address: &str| Mail { to: vec![address.into()], ..Mail::default() };
    let (port, taken) = sink();
    let Undelivered { message, is_final } = post(port, &to("nobody@example.com"), LONG).unwrap_err();
    assert!(message.contains("did not take the message") && message.contains("no such user"), "{message}");
    assert!(is_final, "it will not come to know that user");
    drop(taken);
    for address in ["no address", "a@b@c", "a@example.com\r\nBcc: c@example.com"] {
        let error = post(1, &to(address), LONG).unwrap_err();
        assert!(error.is_final && error.message.contains("is no mail address"), "{address}: {error:?}");
    }
    let away = post(1, &to("a@example.com"), LONG).unwrap_err();
    assert!(!away.is_final, "it may come back: {away:?}");
    // One that accepts and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = post(port, &to("a@example.com"), Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.message, "the mail server did not take the message within 50 ms");
    assert!(!error.is_final);
    let none = Mailer::new(&ScriptMailSettings::default()).unwrap();
    assert!(none.is_none());
    let wrong = ScriptMailSettings { host: "localhost".into(), ..ScriptMailSettings::default() };
    assert!(Mailer::new(&wrong).is_err_and(|error| error.to_string().contains("script.mail.from")));
}
