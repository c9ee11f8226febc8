//! What a transaction's scripts learn from outside of the database: the instant, chance, answers of the web, contents of
//! files. A transaction may run several times (a group commit that failed, another state than the one it ran on first), and each
//! run must see what the first one saw: nothing is sent twice, and the same state gives the same outcome.
//!
//! It also says where a run is. On the writer nobody waits for the web or a disk, and a script has a few milliseconds: what needs
//! more leaves, and runs apart (`crate::apart`).

use std::{
    cell::{Cell, OnceCell, RefCell},
    sync::Arc,
    time::{Duration, Instant},
};

use boobook_files::{Hash, Stored};
use boobook_model::FileEntry;
use boobook_nx::{HostError, Value};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::{HttpRequest, Mail, ScriptLimits, files::Imported};
use crate::{Host, ShareTarget};

/// Where a run is, which decides on what it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the database's writer, where others wait: what takes longer leaves.
    Writer,
    /// On the writer, for as long as a script that writes may take: it has lost to others too often.
    WriterAtLast,
    /// On a thread that holds up nobody.
    Apart,
}

/// Why a run cannot go on where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// It asks for what nobody has answered yet.
    ToAsk,
    /// It takes longer than others can wait.
    Slow,
}

/// Messages that one run may send.
const MAILS_MAX: usize = 1_000;

/// See the module. Of one transaction, for all its runs.
pub(crate) struct Recording {
    now_ms: OnceCell<i64>,
    chance: RefCell<Option<Chance>>,
    /// What was asked outside so far, in the order it was answered.
    asked: RefCell<Vec<Asked>>,
    /// Contents that were read so far.
    read: RefCell<FxHashMap<Hash, Bytes>>,
    /// Contents that were made and stored so far, by what they were made of.
    made: RefCell<FxHashMap<[u8; 32], Stored>>,
    run: Run,
}

/// What belongs to one run only.
struct Run {
    place: Cell<Place>,
    /// When its first script began.
    started: OnceCell<Instant>,
    leaves: Cell<Option<Leaves>>,
    /// How many numbers it has drawn.
    drawn: Cell<u64>,
    /// So many recorded answers from the first one on are used: most runs ask as the one before did.
    used: Cell<usize>,
    mails: RefCell<Vec<Mail>>,
}

/// What is asked for outside of the database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// An answer of the web for the script.
    Http(HttpRequest),
    /// A file of the web.
    Import(HttpRequest),
    /// The link of a share.
    Share(ShareTarget),
    /// The end of a share.
    Unshare(ShareTarget),
    /// The end of the shares of all views.
    UnshareViews,
    /// The link of a file of no record.
    KeepFile(FileEntry),
    /// A link, and what its file is to go on with.
    AppendToFile(Arc<str>, Arc<str>),
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Value(Result<Value, HostError>),
    /// The stored content, or what is wrong.
    File(Result<Imported, String>),
}

struct Asked {
    question: Question,
    answer: Answer,
    /// By this run.
    is_used: bool,
}

impl Answer {
    /// For a function that answers no file.
    pub(crate) fn value(self, function: &str) -> Result<Value, HostError> {
        match self {
            Self::Value(value) => value,
            Self::File(_) => Err(HostError::new(format!("a file is no answer to {function}()"))),
        }
    }
}

/// Numbers that nobody can foretell, the same ones in each run.
struct Chance {
    seed: [u8; 32],
    /// The block of four that was drawn from last.
    block: u64,
    bytes: [u8; 32],
}

impl Default for Recording {
    fn default() -> Self {
        let run = Run {
            place: Cell::new(Place::Writer),
            started: OnceCell::new(),
            leaves: Cell::default(),
            drawn: Cell::default(),
            used: Cell::default(),
            mails: RefCell::default(),
        };
        Self {
            now_ms: OnceCell::new(),
            chance: RefCell::default(),
            asked: RefCell::default(),
            read: RefCell::default(),
            made: RefCell::default(),
            run,
        }
    }
}

impl Recording {
    /// Another run begins.
    pub(crate) fn begin(&mut self, place: Place) {
        for asked in self.asked.get_mut() {
            asked.is_used = false;
        }
        self.run = Self::default().run;
        self.run.place.set(place);
    }

    /// Where this run is.
    pub(crate) fn place(&self) -> Place {
        self.run.place.get()
    }

    /// Notes that this run must not be finished here.
    pub(crate) fn leave(&self, why: Leaves) {
        if self.run.leaves.get().is_none() {
            self.run.leaves.set(Some(why));
        }
    }

    /// Whether this run cannot go on where it is. Whatever it came to then counts for nothing.
    pub(crate) fn leaves(&self) -> Option<Leaves> {
        self.run.leaves.get()
    }

    /// The instant of all its runs.
    pub(crate) fn now_ms(&self, host: &dyn Host) -> i64 {
        *self.now_ms.get_or_init(|| host.now_ms())
    }

    /// The next number from 0 to below 1.
    pub(crate) fn random(&self, host: &dyn Host) -> f64 {
        let n = self.run.drawn.replace(self.run.drawn.get() + 1);
        self.chance.borrow_mut().get_or_insert_with(|| Chance::new(host)).number(n)
    }

    /// A run's time begins with its first script.
    pub(crate) fn start(&self) {
        #[expect(clippy::disallowed_methods, reason = "how long a run takes is no part of what it computes")]
        self.run.started.get_or_init(Instant::now);
    }

    /// Whether a script has to stop, for good or to go on elsewhere.
    pub(crate) fn is_time_up(&self, limits: &ScriptLimits) -> bool {
        if self.leaves().is_some() {
            return true;
        }
        let is_up = self.left(limits).is_zero();
        if is_up && self.place() == Place::Writer {
            self.leave(Leaves::Slow);
        }
        is_up
    }

    /// The time that this run has still.
    pub(crate) fn left(&self, limits: &ScriptLimits) -> Duration {
        let ms_max = match self.place() {
            Place::Writer => limits.writer_ms_max.min(limits.write_ms_max),
            Place::WriterAtLast | Place::Apart => limits.write_ms_max,
        };
        let elapsed = self.run.started.get().map_or(Duration::ZERO, Instant::elapsed);
        Duration::from_millis(ms_max).saturating_sub(elapsed)
    }

    /// What a request was answered with: as it is recorded, else by asking within the time that is left, which is
    /// recorded then. A run takes each recorded answer once, those to the same request in their order. In which order it
    /// asks for different ones is its own affair: what was sent was sent, and asking again would send it twice.
    pub(crate) fn ask(
        &self,
        limits: &ScriptLimits,
        question: Question,
        send: impl FnOnce(&Question, Duration) -> Answer,
    ) -> Result<Answer, HostError> {
        if let Some(answer) = self.recorded(&question) {
            return Ok(answer);
        }
        let left = self.time_to_wait(limits)?;
        let answer = send(&question, left);
        self.asked.borrow_mut().push(Asked { question, answer: answer.clone(), is_used: true });
        Ok(answer)
    }

    /// The time that there is to wait for something outside. On the writer nobody waits: the run leaves.
    fn time_to_wait(&self, limits: &ScriptLimits) -> Result<Duration, HostError> {
        if self.place() != Place::Apart {
            self.leave(Leaves::ToAsk);
            // An error that `eval` does not catch.
            return Err(HostError { is_transient: true, ..HostError::new("nothing is waited for here") });
        }
        let left = self.left(limits);
        if left.is_zero() {
            return Err(HostError::new("the script takes longer than it may (limits.script.write_ms_max)"));
        }
        Ok(left)
    }

    fn recorded(&self, question: &Question) -> Option<Answer> {
        let mut asked = self.asked.borrow_mut();
        let used = self.run.used.get();
        let used = used + asked[used..].iter().take_while(|asked| asked.is_used).count();
        self.run.used.set(used);
        let next = asked[used..].iter_mut().find(|asked| !asked.is_used && asked.question == *question)?;
        next.is_used = true;
        Some(next.answer.clone())
    }

    /// A content, read once for all runs: what is under a hash never changes.
    pub(crate) fn read(
        &self,
        limits: &ScriptLimits,
        hash: Hash,
        read: impl FnOnce(Duration) -> Result<Bytes, HostError>,
    ) -> Result<Bytes, HostError> {
        if let Some(known) = self.read.borrow().get(&hash) {
            return Ok(known.clone());
        }
        let content = read(self.time_to_wait(limits)?)?;
        self.read.borrow_mut().insert(hash, content.clone());
        Ok(content)
    }

    /// A content made of what `key` is the hash of, and stored: once for all runs.
    pub(crate) fn make(
        &self,
        limits: &ScriptLimits,
        key: [u8; 32],
        make: impl FnOnce() -> Result<Stored, HostError>,
    ) -> Result<Stored, HostError> {
        if let Some(known) = self.made.borrow().get(&key) {
            return Ok(*known);
        }
        self.time_to_wait(limits)?;
        let stored = make()?;
        self.made.borrow_mut().insert(key, stored);
        Ok(stored)
    }

    /// Queues a message until the transaction is stored.
    pub(crate) fn send(&self, mail: Mail) -> Result<(), HostError> {
        let mut mails = self.run.mails.borrow_mut();
        if mails.len() >= MAILS_MAX {
            return Err(HostError::new(format!("more than {MAILS_MAX} messages of sendEmail()")));
        }
        mails.push(mail);
        Ok(())
    }

    /// The messages of the last run.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.run.mails.borrow().clone()
    }
}

impl Chance {
    fn new(host: &dyn Host) -> Self {
        let mut seed = [0; 32];
        host.random(&mut seed);
        Self { seed, block: u64::MAX, bytes: [0; 32] }
    }

    fn number(&mut self, n: u64) -> f64 {
        let (block, place) = (n / 4, (n % 4) as usize * 8);
        if block != self.block {
            self.block = block;
            self.bytes =
                Sha256::new().chain_update(self.seed).chain_update(block.to_le_bytes()).finalize().into();
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.bytes[place..place + 8]);
        super::snapshot::unit(u64::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemHost;

    fn question(url: &str) -> Question {
        Question::Http(HttpRequest { method: "GET".into(), url: url.into(), headers: Vec::new(), body: None })
    }

    /// Asks for these; answers what was heard, and what was sent for it.
    fn ask(recording: &Recording, urls: &[&str], sent: &Cell<u32>) -> Vec<String> {
        let limits = ScriptLimits::default();
        let heard = urls.iter().map(|url| {
            let answer = recording.ask(&limits, question(url), |_, _| {
                sent.set(sent.get() + 1);
                Answer::Value(Ok(format!("{url} {}", sent.get()).into()))
            });
            answer.map_or_else(|error| error.message, |answer| format!("{answer:?}"))
        });
        heard.collect()
    }

    #[test]
    fn what_was_answered_is_not_asked_again() {
        let mut recording = Recording::default();
        let sent = Cell::new(0);
        recording.begin(Place::Apart);
        let first = ask(&recording, &["a", "b", "a"], &sent);
        assert_eq!(sent.get(), 3);
        assert_ne!(first[0], first[2], "each has an answer of its own");
        for place in [Place::Writer, Place::WriterAtLast, Place::Apart] {
            recording.begin(place);
            assert_eq!(ask(&recording, &["a", "b", "a"], &sent), first);
            assert_eq!((sent.get(), recording.leaves()), (3, None));
        }
        recording.begin(Place::Writer);
        assert_eq!(ask(&recording, &["b", "a"], &sent), [first[1].clone(), first[0].clone()]);
        assert_eq!(recording.leaves(), None);
        ask(&recording, &["b"], &sent);
        assert_eq!((sent.get(), recording.leaves()), (3, Some(Leaves::ToAsk)), "it was asked for once only");
        recording.begin(Place::Apart);
        let again = ask(&recording, &["b", "c", "b", "a", "a", "a"], &sent);
        assert_eq!((&again[0], &again[3], &again[4]), (&first[1], &first[0], &first[2]));
        assert_eq!(sent.get(), 6, "c, and b and a once more");
        recording.begin(Place::Writer);
        assert_eq!(ask(&recording, &["b", "c", "b", "a", "a", "a"], &sent), again);
        assert_eq!((sent.get(), recording.leaves()), (6, None));
    }

    #[test]
    fn chance_and_time_are_the_same_in_each_run() {
        let mut recording = Recording::default();
        let now_ms = recording.now_ms(&SystemHost);
        let draw =
            |recording: &Recording| -> Vec<f64> { (0..50).map(|_| recording.random(&SystemHost)).collect() };
        let drawn = draw(&recording);
        assert!(drawn.iter().all(|n| (0.0..1.0).contains(n)));
        let mut sorted = drawn.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        assert_eq!(sorted.len(), 50);
        recording.begin(Place::Apart);
        assert_eq!((draw(&recording), recording.now_ms(&SystemHost)), (drawn.clone(), now_ms));
        assert_ne!(draw(&Recording::default()), drawn);
    }

    #[test]
    fn time_is_up_sooner_on_the_writer() {
        let mut recording = Recording::default();
        let limits = ScriptLimits { writer_ms_max: 0, ..ScriptLimits::default() };
        for (place, is_up, leaves) in [
            (Place::Apart, false, None),
            (Place::Writer, true, Some(Leaves::Slow)),
            (Place::WriterAtLast, false, None),
        ] {
            recording.begin(place);
            recording.start();
            assert_eq!((recording.is_time_up(&limits), recording.leaves()), (is_up, leaves), "{place:?}");
        }
        let limits = ScriptLimits { write_ms_max: 0, ..ScriptLimits::default() };
        for place in [Place::Apart, Place::WriterAtLast] {
            recording.begin(place);
            recording.start();
            assert_eq!((recording.is_time_up(&limits), recording.leaves()), (true, None), "{place:?}");
        }
    }
}
