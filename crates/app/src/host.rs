//! Time and randomness, handed in so that tests can hold both still.

/// What the outside world gives.
pub trait Host: Send + Sync + 'static {
    /// Milliseconds since the epoch, UTC.
    fn now_ms(&self) -> i64;
    /// Fills with cryptographically random bytes.
    fn random(&self, bytes: &mut [u8]);
}

/// The machine's own clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_ms(&self) -> i64 {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_epoch.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }

    fn random(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Keys and ids made without randomness would be guessable: stopping is the only safe answer.
            panic!("the system's random source failed: {error}");
        }
    }
}

pub(crate) const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `len` characters of `alphabet`, each equally likely.
pub(crate) fn random_text(host: &dyn Host, alphabet: &[u8], len: usize) -> String {
    // Bytes at or above the largest multiple of the alphabet's length would favour its first letters.
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(len);
    let mut bytes = [0u8; 64];
    while text.len() < len {
        host.random(&mut bytes);
        for &b in bytes.iter().filter(|&&b| (b as usize) < fair).take(len - text.len()) {
            text.push(alphabet[b as usize % alphabet.len()] as char);
        }
    }
    text
}
