//! Makes the disk fail on a script, as disks do, and remembers what was asked of it. For tests of this crate and of
//! those above it.

use std::{io, path::PathBuf, sync::Arc};

use parking_lot::Mutex;

/// One thing asked of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A new file.
    Create(PathBuf),
    /// Bytes appended to a file.
    Write(PathBuf, usize),
    /// A file's content made durable.
    Sync(PathBuf),
    /// A directory made where there was none.
    MakeDir(PathBuf),
    /// The names in a directory made durable.
    SyncDir(PathBuf),
    /// A file moved over another name.
    Rename(PathBuf, PathBuf),
    /// A second name for a file.
    Link(PathBuf, PathBuf),
    /// A file or a whole directory removed.
    Remove(PathBuf),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The step is not done and fails; those after it work.
    Fails,
    /// The step is done by half where that is possible (half of the bytes are written), and it and all later ones
    /// fail: what is on disk then is what a process leaves that is killed here.
    Cut,
}

/// The script of a disk. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    planned: Option<(usize, Fault)>,
    is_cut: bool,
    steps: Vec<Step>,
}

/// What a step has to do about the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Fail,
    FailByHalf,
}

impl Faults {
    /// Lets `steps` more steps pass and then has one go wrong. Forgets earlier plans and steps.
    pub fn plan(&self, steps: usize, fault: Fault) {
        *self.script.lock() = Script { planned: Some((steps, fault)), ..Script::default() };
    }

    /// The disk works again. The steps are forgotten.
    pub fn clear(&self) {
        *self.script.lock() = Script::default();
    }

    /// What was asked since the last [`Self::plan`] or [`Self::clear`], failed steps included.
    pub fn steps(&self) -> Vec<Step> {
        self.script.lock().steps.clone()
    }

    pub(crate) fn judge(&self, step: Step) -> Verdict {
        let mut script = self.script.lock();
        script.steps.push(step);
        if script.is_cut {
            return Verdict::Fail;
        }
        match script.planned.take() {
            Some((0, Fault::Fails)) => Verdict::Fail,
            Some((0, Fault::Cut)) => {
                script.is_cut = true;
                Verdict::FailByHalf
            }
            Some((steps, fault)) => {
                script.planned = Some((steps - 1, fault));
                Verdict::Go
            }
            None => Verdict::Go,
        }
    }
}

pub(crate) fn struck() -> io::Error {
    io::Error::other("a fault of the test")
}
