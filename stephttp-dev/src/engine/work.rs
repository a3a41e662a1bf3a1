//! Jobs: what is to be done and when, and what is being done.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use crate::clock::{Clock, Time, Timer};

/// Jobs by age, so that those due at one instant go out in the order in which they were made.
pub(crate) type JobKey = u64;

/// One re-entry to be made, with its retries.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// `X-Inngest-Job-Id`.
    pub(crate) id: String,
    pub(crate) run_id: String,
    pub(crate) kind: JobKind,
    /// Dispatches so far: `X-Inngest-Generation-Id` of the latest.
    pub(crate) generation: u32,
    /// The attempt that the next dispatch is, from 0. A step that failed in the first request
    /// starts at 1.
    pub(crate) attempt: u32,
    /// Retries of this very job so far.
    pub(crate) retried: u32,
    /// `X-Request-Id` of the dispatch that is under way.
    pub(crate) live: Option<String>,
    /// Whether the operation that made the job races with others of its group.
    pub(crate) race: bool,
    /// The group of a planned step: whichever of the group ends last asks for the one discovery of
    /// the group.
    pub(crate) group: Option<String>,
    /// Whether planning was forced when the latest dispatch began.
    pub(crate) forced: bool,
    /// Whether it is another job once more: nothing is lost with it.
    pub(crate) again: bool,
}

/// Why a re-entry is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// To find out what comes next.
    Discovery,
    /// A sleep is over.
    SleepEnd(String),
    /// To run this planned step.
    Planned(String),
    /// To try again what failed in the first request.
    Retry,
    /// A wait has lasted long enough. This is no re-entry in itself.
    Timeout(String),
}

impl JobKind {
    /// At one instant everything else comes before the end of a wait.
    fn rank(&self) -> u8 {
        u8::from(matches!(self, Self::Timeout(_)))
    }
}

/// What a new job is to be.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub(crate) kind: JobKind,
    pub(crate) due: SystemTime,
    pub(crate) race: bool,
    pub(crate) group: Option<String>,
}

impl NewJob {
    /// A job that belongs to no group and does not race.
    pub(crate) fn plain(kind: JobKind, due: SystemTime) -> Self {
        Self { kind, due, race: false, group: None }
    }
}

/// All jobs.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) time: Time,
    jobs: HashMap<JobKey, Job>,
    queue: BTreeSet<(SystemTime, u8, JobKey)>,
    next_key: JobKey,
    /// Request ids of dispatches that are not answered, except for superseded ones.
    pub(crate) unanswered: HashSet<String>,
    /// Calls to third parties that are under way.
    pub(crate) calls: usize,
    /// Stand-in functions that are at work.
    pub(crate) functions: usize,
    /// Whether a test holds everything back.
    pub(crate) held: bool,
    /// How many of the next jobs are to be dispatched twice.
    pub(crate) twice: usize,
}

/// What the scheduler is to do next.
#[derive(Debug)]
pub(crate) enum Next {
    Dispatch(Vec<JobKey>),
    At(SystemTime),
    Wait,
}

impl Work {
    pub(crate) fn new(time: Time) -> Self {
        Self {
            time,
            jobs: HashMap::new(),
            queue: BTreeSet::new(),
            next_key: 0,
            unanswered: HashSet::new(),
            calls: 0,
            functions: 0,
            held: false,
            twice: 0,
        }
    }

    /// Plans a new job.
    pub(crate) fn schedule(&mut self, run_id: &str, new: NewJob) {
        let (due, rank) = (new.due, new.kind.rank());
        let key = self.shelve(run_id, new);
        self.queue.insert((due, rank, key));
    }

    /// Makes a job that is outstanding and never due.
    pub(crate) fn shelve(&mut self, run_id: &str, new: NewJob) -> JobKey {
        let key = self.next_key;
        self.next_key += 1;
        let job = Job {
            id: ulid::Ulid::generate().to_string().to_lowercase().split_off(13),
            run_id: run_id.to_owned(),
            generation: 0,
            attempt: u32::from(new.kind == JobKind::Retry),
            kind: new.kind,
            retried: 0,
            live: None,
            race: new.race,
            group: new.group,
            forced: false,
            again: false,
        };
        self.jobs.insert(key, job);
        key
    }

    /// Takes back the end of a wait that has ended otherwise.
    pub(crate) fn drop_timeout(&mut self, run_id: &str, hash: &str) {
        self.jobs.retain(|_, job| {
            job.run_id != run_id || !matches!(&job.kind, JobKind::Timeout(other) if other == hash)
        });
        self.queue.retain(|(_, _, key)| self.jobs.contains_key(key));
    }

    /// Plans a job's retry.
    pub(crate) fn retry(&mut self, key: JobKey, due: SystemTime) {
        if let Some(job) = self.jobs.get_mut(&key) {
            job.live = None;
            job.attempt += 1;
            job.retried += 1;
            self.queue.insert((due, job.kind.rank(), key));
        }
    }

    pub(crate) fn job(&self, key: JobKey) -> Option<&Job> {
        self.jobs.get(&key)
    }

    pub(crate) fn job_mut(&mut self, key: JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(&key)
    }

    /// Whether a dispatch is under way, and the latest of its job.
    pub(crate) fn is_live(&self, run_id: &str, id: &str, request: &str, generation: u32) -> bool {
        self.jobs.values().any(|job| {
            job.run_id == run_id
                && job.id == id
                && job.live.as_deref() == Some(request)
                && job.generation == generation
        })
    }

    /// Plans a job that is there already, or was, once more.
    pub(crate) fn again(&mut self, job: &Job, due: SystemTime) {
        let key = self.twin(job);
        self.queue.insert((due, job.kind.rank(), key));
    }

    /// Makes a job once more, to be dispatched by the caller.
    pub(crate) fn twin(&mut self, job: &Job) -> JobKey {
        let key = self.next_key;
        self.next_key += 1;
        self.jobs.insert(key, Job { live: None, again: true, ..job.clone() });
        key
    }

    /// A run's jobs that are being dispatched, oldest first.
    pub(crate) fn live_jobs(&self, run_id: &str) -> Vec<JobKey> {
        let live = self.jobs.iter().filter(|(_, job)| job.run_id == run_id && job.live.is_some());
        let mut keys: Vec<JobKey> = live.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    /// Ends a job.
    pub(crate) fn finish(&mut self, key: JobKey) {
        self.jobs.remove(&key);
    }

    /// Drops what a run that has ended still had to do, but for what is under way or due: that
    /// comes although the run is over.
    pub(crate) fn leave_run(&mut self, run_id: &str) {
        let now = self.time.now();
        let due = self.queue.iter().take_while(|(due, _, _)| *due <= now).filter(|(_, rank, _)| *rank == 0);
        let due: HashSet<JobKey> = due.map(|(_, _, key)| *key).collect();
        self.jobs.retain(|key, job| job.run_id != run_id || job.live.is_some() || due.contains(key));
        self.queue.retain(|(_, _, key)| self.jobs.contains_key(key));
    }

    /// How many jobs a run has, waiting or under way.
    pub(crate) fn outstanding(&self, run_id: &str) -> usize {
        self.jobs.values().filter(|job| job.run_id == run_id).count()
    }

    /// Takes what is due. Later timers wait until everything before them has been answered, and so
    /// does the end of a wait.
    pub(crate) fn next(&mut self) -> Next {
        if self.held {
            return Next::Wait;
        }
        let Some(&(due, rank, _)) = self.queue.first() else { return Next::Wait };
        let quiet = self.quiet();
        if rank > 0 && !quiet && self.time.kind() != Clock::Real {
            return Next::Wait;
        }
        match self.time.timer(due, quiet) {
            Timer::At(at) => Next::At(at),
            Timer::Wait => Next::Wait,
            Timer::Fire => {
                let now = self.time.now();
                let mut keys = Vec::new();
                while let Some(&(due, other, key)) = self.queue.first() {
                    if due > now || other != rank {
                        break;
                    }
                    self.queue.pop_first();
                    keys.push(key);
                }
                Next::Dispatch(keys)
            }
        }
    }

    /// Whether nothing is under way that time waits for. A manual clock is moved by hand, also past
    /// a function that is still at work.
    fn quiet(&self) -> bool {
        let functions = if self.time.kind() == Clock::Skip { self.functions } else { 0 };
        self.unanswered.is_empty() && self.calls + functions == 0
    }

    /// Whether nothing is under way, and nothing will be before `limit`.
    pub(crate) fn quiet_until(&self, limit: SystemTime) -> bool {
        self.quiet() && (self.held || self.queue.first().is_none_or(|(due, _, _)| *due > limit))
    }

    /// Whether nothing is under way, and nothing is planned for a time that comes by itself.
    pub(crate) fn idle(&self) -> bool {
        let mut planned = self.queue.first();
        if self.time.held() {
            planned = planned.filter(|(due, _, _)| *due <= self.time.now());
        }
        self.unanswered.is_empty() && self.calls + self.functions == 0 && planned.is_none()
    }
}
