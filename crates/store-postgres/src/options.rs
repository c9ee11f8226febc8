//! What the URL says.

use std::time::Duration;

use boobook_store::{LEASE_MS, StoreError};
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Connections at once where the URL does not say.
const CONNECTIONS: usize = 16;
/// How long one statement may take where the URL does not say.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one waits for a server to answer a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sent bytes may stay unacknowledged before a connection counts as lost.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// An idle connection is probed after that long, so that firewalls do not forget it and we notice if they did.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);

/// A URL, understood. Holds the password: has no `Debug`.
pub(crate) struct Options {
    /// User, password, database and what else the client library knows, for each host.
    pub(crate) hosts: Vec<Config>,
    /// The schema of our tables.
    pub(crate) schema: String,
    /// Whether statements are prepared under a name and kept.
    pub(crate) prepare: bool,
    /// Whether the server's certificate has to be good.
    pub(crate) verify: bool,
    /// File of root certificates.
    pub(crate) root_cert: Option<String>,
    /// Most connections at once.
    pub(crate) connections: usize,
    /// Longest time for a statement.
    pub(crate) statement_timeout: Duration,
    /// How long a node keeps work put off without saying that it lives.
    pub(crate) lease: Duration,
    /// Host and database, for messages.
    pub(crate) place: String,
}

fn bad(what: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("the store's URL: {what}"))
}

fn number(name: &str, value: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64, StoreError> {
    value.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| {
        bad(format_args!(
            "`{name}` is a whole number from {} to {}, got {value:?}",
            range.start(),
            range.end()
        ))
    })
}

/// The parts of the query, decoded, in order.
fn pairs(query: &str) -> Result<Vec<(String, String)>, StoreError> {
    let decode = |text: &str| {
        percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| bad("an option is not UTF-8"))
    };
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

impl Options {
    /// Reads a URL. Errors never contain it: it has a password.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let (server, query) = url.split_once('?').unwrap_or((url, ""));
        if !server.starts_with("postgres://") && !server.starts_with("postgresql://") {
            return Err(bad("expected `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS`"));
        }
        let mut options = Self {
            hosts: Vec::new(),
            schema: "public".into(),
            prepare: true,
            verify: false,
            root_cert: None,
            connections: CONNECTIONS,
            statement_timeout: STATEMENT_TIMEOUT,
            lease: Duration::from_millis(LEASE_MS.unsigned_abs()),
            place: String::new(),
        };
        let mut ssl_mode = None;
        let mut rest = Vec::new();
        for (name, value) in pairs(query)? {
            match &*name {
                "sslmode" => ssl_mode = Some(options.take_ssl_mode(&value)?),
                _ if options.take(&name, &value)? => {}
                _ => rest.push(part(&name, &value)),
            }
        }
        let is_split = !rest.iter().any(|part| part.starts_with("host") || part.starts_with("port"));
        let servers = if is_split { each_host(server) } else { vec![server.to_owned()] };
        for server in servers {
            let config = format!("{server}?{}", rest.join("&")).parse::<Config>();
            let mut config = config.map_err(|e| bad(describe(&e)))?;
            match ssl_mode {
                Some(mode) => config.ssl_mode(mode),
                None if options.verify => config.ssl_mode(SslMode::Require),
                None => &mut config,
            };
            options.complete(&mut config)?;
            options.hosts.push(config);
        }
        let (count, hosts) = (options.hosts.len(), &mut options.hosts);
        for config in hosts {
            // Of several hosts at most one takes writes.
            let several = count > 1 || config.get_hosts().len() > 1;
            if several && config.get_target_session_attrs() == TargetSessionAttrs::Any {
                config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
        }
        options.place = place(&options.hosts);
        Ok(options)
    }

    /// Takes an option of ours; `false` if it is none.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, StoreError> {
        match name {
            "schema" => self.schema = schema_name(value)?,
            "prepare" => {
                self.prepare = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(bad(format_args!("`prepare` is `on` or `off`, got {value:?}"))),
                }
            }
            "sslrootcert" => {
                self.root_cert = Some(value.to_owned());
                self.verify = true;
            }
            "connections" => self.connections = number(name, value, 1..=1_000)? as usize,
            "statement_timeout" => {
                self.statement_timeout = Duration::from_secs(number(name, value, 1..=86_400)?);
            }
            "lease" => self.lease = Duration::from_secs(number(name, value, 2..=3_600)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_ssl_mode(&mut self, value: &str) -> Result<SslMode, StoreError> {
        Ok(match value {
            "disable" => SslMode::Disable,
            "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-full" => {
                self.verify = true;
                SslMode::Require
            }
            _ => {
                return Err(bad(format_args!(
                    "`sslmode` is `disable`, `prefer`, `require` or `verify-full`, got {value:?}"
                )));
            }
        })
    }

    /// Sets what the URL left open.
    fn complete(&self, config: &mut Config) -> Result<(), StoreError> {
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad("it names no host"));
        }
        if self.verify && config.get_ssl_mode() != SslMode::Require {
            return Err(bad("`sslrootcert` goes with `sslmode=require` or `verify-full`"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("boobook");
        }
        config.keepalives_idle(KEEPALIVE_IDLE);
        Ok(())
    }
}

/// A part of a query, encoded again.
fn part(name: &str, value: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

/// The name of a schema, such that it needs no quoting and cannot be anything else.
fn schema_name(name: &str) -> Result<String, StoreError> {
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.contains("bb_");
    if fits {
        Ok(name.to_owned())
    } else {
        Err(bad(format_args!(
            "`schema` is up to 63 of a-z, 0-9 and _, not a digit first and without `bb_`, got {name:?}"
        )))
    }
}

/// The URL of each host alone, so that each has its time to answer, whatever becomes of the others.
fn each_host(server: &str) -> Vec<String> {
    let (scheme, rest) = server.split_once("://").unwrap_or(("", server));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

fn place(configs: &[Config]) -> String {
    let mut hosts = Vec::new();
    for config in configs {
        for (n, host) in config.get_hosts().iter().enumerate() {
            let ports = config.get_ports();
            let port = ports.get(n).or_else(|| ports.first()).copied().unwrap_or(5432);
            hosts.push(match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            });
        }
    }
    let config = configs.first();
    let database = config.and_then(|config| config.get_dbname().or(config.get_user())).unwrap_or("");
    format!("PostgreSQL at {}/{database}", hosts.join(","))
}

/// What the client library has against it: message and cause, neither of which repeats values.
fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        match Options::parse(url) {
            Ok(_) => panic!("{url} is understood"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_url_is_understood() {
        let url = "postgres://u:s%40cret@h1:5433,h2/boo?schema=s1&prepare=off&sslmode=verify-full\
                   &connections=3&statement_timeout=7&lease=5&application_name=a%20b";
        let options = Options::parse(url).unwrap();
        assert_eq!((&*options.schema, options.prepare, options.verify), ("s1", false, true));
        assert_eq!((options.connections, options.statement_timeout.as_secs()), (3, 7));
        assert_eq!((options.lease.as_secs(), options.hosts.len()), (5, 2));
        for (config, port) in options.hosts.iter().zip([5433, 5432]) {
            assert_eq!((config.get_hosts().len(), config.get_ports()), (1, &[port][..]));
            assert_eq!(config.get_password(), Some(&b"s@cret"[..]));
            assert_eq!(config.get_application_name(), Some("a b"));
            assert_eq!(config.get_ssl_mode(), SslMode::Require);
            assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        }
        assert_eq!(options.place, "PostgreSQL at h1:5433,h2:5432/boo");
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let options = Options::parse("postgresql://h").unwrap();
        assert_eq!((&*options.schema, options.prepare, options.verify), ("public", true, false));
        let config = &options.hosts[0];
        assert_eq!(config.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(config.get_application_name(), Some("boobook"));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
        assert_eq!(options.lease.as_secs(), 60);
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for (url, word) in [
            ("mysql://h/secret", "expected `postgres://"),
            ("postgres://u:secret@h/d?schema=A%22b", "`schema`"),
            ("postgres://u:secret@h/d?schema=", "`schema`"),
            ("postgres://u:secret@h/d?prepare=yes", "`prepare`"),
            ("postgres://u:secret@h/d?sslmode=maybe", "`sslmode`"),
            ("postgres://u:secret@h/d?sslmode=disable&sslrootcert=x", "`sslrootcert`"),
            ("postgres://u:secret@h/d?connections=0", "from 1 to 1000"),
            ("postgres://u:secret@h/d?statement_timeout=x", "`statement_timeout`"),
            ("postgres://u:secret@h/d?lease=1", "from 2 to 3600"),
            ("postgres://u:secret@h/d?unheard_of=1", "unheard_of"),
            ("postgres://u:secret@h:port/d", "port"),
            ("postgres:///d", "no host"),
            ("postgres://u:secret@h1,/d", "no host"),
            ("postgres://u:secret@h/d?schema=%ff", "UTF-8"),
        ] {
            let text = problem(url);
            assert!(text.contains(word), "{url}: {text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
