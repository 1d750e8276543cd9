//! What the file system says of a file without its bytes, and when that is old enough to believe.

use std::time::Duration;

use rustix::fs::{FileType, Stat};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// How much older than the beginning of a scan a file has to be on the file system of the index.
///
/// None would be needed where clocks only go forward: whatever is written after the beginning has a
/// later time. It covers small steps back, and file systems that keep whole seconds.
const MARGIN: Duration = Duration::from_secs(1);

/// The same on any other file system, whose clock cannot be asked without writing there.
const MARGIN_ELSEWHERE: Duration = Duration::from_secs(10);

/// The metadata by which an unchanged file is recognised.
///
/// Times are nanoseconds since 1970. The device is that of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub ino: u64,
    pub size: u64,
    pub mtime: i64,
    pub ctime: i64,
    pub mode: u32,
}

impl Stamp {
    /// What nothing has.
    pub const NONE: Self = Self {
        ino: 0,
        size: 0,
        mtime: 0,
        ctime: 0,
        mode: 0,
    };

    /// Takes what matters of a `stat`; `None` for a time that 64 bits of nanoseconds do not hold.
    pub fn of(stat: &Stat) -> Option<Self> {
        Some(Self {
            ino: stat.st_ino,
            size: u64::try_from(stat.st_size).ok()?,
            mtime: nanoseconds(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).ok()?)?,
            ctime: nanoseconds(stat.st_ctime, i64::try_from(stat.st_ctime_nsec).ok()?)?,
            mode: stat.st_mode,
        })
    }

    /// Returns the later of both times.
    pub fn newest(&self) -> i64 {
        self.mtime.max(self.ctime)
    }
}

/// Returns what a `stat` says that something is.
pub(crate) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> Option<i64> {
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

fn of_timespec(time: Timespec) -> i64 {
    nanoseconds(time.tv_sec, time.tv_nsec).unwrap_or(0)
}

/// The clocks of this machine, as an index notes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The time of day, in nanoseconds since 1970, by the clock that file times are taken from.
    pub now: i64,
    /// The time since the machine was started, also while it slept.
    pub up: i64,
}

impl Clock {
    /// Reads the clocks.
    pub fn read() -> Self {
        Self {
            now: of_timespec(clock_gettime(ClockId::RealtimeCoarse)),
            up: of_timespec(clock_gettime(ClockId::Boottime)),
        }
    }

    /// Whether the time of day was set back since `earlier`, by more than the margin covers.
    ///
    /// Within one run of the machine its two clocks move together, but for when one is set. After
    /// a restart there is only the time of day to go by.
    pub fn was_set_back_since(&self, earlier: &Self) -> bool {
        let margin = nanoseconds_of(MARGIN) / 2;
        let restarted = self.up < earlier.up;
        let offset = |clock: &Self| clock.now.saturating_sub(clock.up);
        self.now < earlier.now.saturating_sub(margin)
            || (!restarted && offset(self) < offset(earlier).saturating_sub(margin))
    }
}

fn nanoseconds_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The moment before which a file must have been written last, for its metadata to be believed.
///
/// It is taken before anything is looked at. A later write then has a later time than whatever is
/// believed, and so another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon {
    /// The device on which the index is.
    device: Option<u64>,
    here: i64,
    elsewhere: i64,
}

impl Horizon {
    /// Sets it by the time of a file just written on `device`, and by the clock for other devices.
    pub fn new(written: Option<(u64, i64)>, clock: &Clock, margin: Option<Duration>) -> Self {
        let (here, elsewhere) = match margin {
            Some(margin) => (margin, margin),
            None => (MARGIN, MARGIN_ELSEWHERE),
        };
        let earliest = written.map_or(clock.now, |(_, time)| time.min(clock.now));
        Self {
            device: written.map(|(device, _)| device),
            here: written.map_or(i64::MIN, |(_, time)| {
                time.saturating_sub(nanoseconds_of(here))
            }),
            elsewhere: earliest.saturating_sub(nanoseconds_of(elsewhere)),
        }
    }

    /// Whether what has this stamp on a device is old enough.
    pub fn believes(&self, device: u64, stamp: &Stamp) -> bool {
        let limit = if self.device == Some(device) {
            self.here
        } else {
            self.elsewhere
        };
        stamp.newest() < limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_was_set_back_counts_as_such() {
        let second = 1_000_000_000;
        let earlier = Clock {
            now: 1000 * second,
            up: 50 * second,
        };
        let check = |now: i64, up: i64, expected: bool| {
            let (now, up) = (now * second, up * second);
            assert_eq!(
                Clock { now, up }.was_set_back_since(&earlier),
                expected,
                "{now} {up}"
            );
        };
        check(1000, 50, false);
        check(1100, 150, false);
        // Set forward.
        check(9100, 150, false);
        // Set back: below what was seen, and above it.
        check(990, 60, true);
        check(1050, 150, true);
        // Restarted.
        check(1050, 10, false);
        check(900, 10, true);
    }

    #[test]
    fn what_is_as_young_as_the_horizon_is_not_believed() {
        let clock = Clock { now: 500, up: 0 };
        let stamp = |mtime, ctime| Stamp {
            ino: 1,
            size: 1,
            mtime,
            ctime,
            mode: 0o100_644,
        };
        let horizon = Horizon::new(Some((7, 400)), &clock, Some(Duration::ZERO));
        assert!(horizon.believes(7, &stamp(399, 399)));
        assert!(!horizon.believes(7, &stamp(400, 1)));
        assert!(!horizon.believes(7, &stamp(1, 400)));
        assert!(!horizon.believes(8, &stamp(1, 400)));
        let usual = Horizon::new(Some((7, 0)), &clock, None);
        assert!(!usual.believes(7, &stamp(-1_000_000_000, 0)));
        assert!(usual.believes(7, &stamp(-1_000_000_001, -1_000_000_001)));
        assert!(!usual.believes(8, &stamp(-1_000_000_001, -1_000_000_001)));
        assert!(!Horizon::new(None, &clock, None).believes(7, &stamp(0, 0)));
    }
}
