//! What the machine itself can do: its disk and its clock.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::Verdict::{Fail, Ok as Good, Warn};
use super::{Finding, Verdict};

/// Flushes are measured for so long.
const FLUSHING: Duration = Duration::from_millis(500);
const BLOCK: [u8; 4096] = [0x5a; 4096];
/// A flush that takes longer makes every send feel slow.
const SLOW: Duration = Duration::from_millis(20);
/// No disk writes this fast: the flush is not one.
const TOO_FAST: Duration = Duration::from_micros(5);
/// Kilobytes on the disk below which it is time to act.
const LITTLE_SPACE: u64 = 1 << 20;
const NO_SPACE: u64 = 64 << 10;

/// The data folder: whether it can be written, how full its disk is, how fast that flushes.
pub fn data_folder(folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    let scratch = folder.join(format!("doctor-{}.tmp", std::process::id()));
    let made = fs::create_dir_all(folder).and_then(|()| File::create(&scratch));
    let file = match made {
        Ok(file) => file,
        Err(error) => {
            let text = format!("cannot write to {shown}: {error}; give AGENTPHONE_DATA a folder of its own");
            return vec![Finding::new(Fail, "data", text)];
        }
    };
    let flushed = flush(file);
    let _ = fs::remove_file(&scratch);
    vec![space(folder), flush_finding(flushed)]
}

fn space(folder: &Path) -> Finding {
    let shown = folder.display();
    let Some(free) = free_kilobytes(folder) else {
        return Finding::new(Good, "data", format!("{shown} can be written; its free space is not known"));
    };
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let gigabytes = free as f64 / f64::from(1 << 20);
    let free_text = format!("{shown} can be written, {gigabytes:.1} GB are free");
    let (verdict, advice) = match free {
        ..NO_SPACE => (Fail, "; make room: nothing can be stored on a full disk"),
        NO_SPACE..LITTLE_SPACE => (Warn, "; make room soon"),
        LITTLE_SPACE.. => (Good, ""),
    };
    Finding::new(verdict, "data", format!("{free_text}{advice}"))
}

/// Free space as the system's own `df` tells it (POSIX format: the fourth column, in kilobytes).
fn free_kilobytes(folder: &Path) -> Option<u64> {
    let told = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// How long each flush of 4 KiB took, shortest first.
fn flush(mut file: File) -> io::Result<Vec<Duration>> {
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < FLUSHING {
        let started = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

fn flush_finding(took: io::Result<Vec<Duration>>) -> Finding {
    let took = match took {
        Ok(took) => took,
        Err(error) => return Finding::new(Fail, "flush", format!("the disk does not flush: {error}")),
    };
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    let (half, most) = (at(50), at(99));
    let total: Duration = took.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = took.len() as f64 / total.as_secs_f64();
    let measured = format!("{rate:.0} flushes of 4 KiB a second, p50 {half:.2?}, p99 {most:.2?}");
    let (verdict, advice) = judge_flush(half);
    Finding::new(verdict, "flush", format!("{measured}{advice}"))
}

fn judge_flush(half: Duration) -> (Verdict, &'static str) {
    if half > SLOW {
        (Warn, "; every send waits for one: a faster disk under AGENTPHONE_DATA helps")
    } else if half < TOO_FAST {
        (
            Warn,
            "; no disk is so fast: what is answered here may be lost in a power cut (a RAM disk, or a lying one)",
        )
    } else {
        (Good, "")
    }
}

/// The wall clock beside the monotonic one.
#[expect(clippy::disallowed_methods, reason = "the system's own clocks are what is compared")]
pub fn clock() -> Finding {
    let (wall, monotonic) = (SystemTime::now(), Instant::now());
    std::thread::sleep(Duration::from_millis(200));
    let passed = monotonic.elapsed();
    let now = SystemTime::now();
    let shown = now.duration_since(wall).map_err(|_| ());
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    judge_clock(shown, passed, seconds)
}

/// `shown` passed on the wall clock (an error: it ran backwards) while `passed` did; it is `seconds` after 1970.
fn judge_clock(shown: Result<Duration, ()>, passed: Duration, seconds: u64) -> Finding {
    const YEAR: u64 = 31_556_952;
    let year = 1970 + seconds / YEAR;
    let drift = shown.map(|shown| shown.abs_diff(passed));
    match drift {
        _ if !(2026..2100).contains(&year) => {
            Finding::new(Fail, "clock", format!("it cannot be {year}; set the clock, or let NTP do it"))
        }
        Ok(drift) if drift < Duration::from_millis(20) => {
            Finding::new(Good, "clock", format!("it is {year}, and the clock is even within {drift:.1?}"))
        }
        Ok(drift) => Finding::new(
            Warn,
            "clock",
            format!(
                "the clock moved by {drift:.1?} in {passed:.1?}; is something setting it again and again?"
            ),
        ),
        Err(()) => Finding::new(Warn, "clock", "the clock ran backwards just now; is something setting it?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_can_be_too_slow_and_too_fast() {
        assert_eq!(judge_flush(Duration::from_millis(2)).0, Good);
        assert_eq!(judge_flush(Duration::from_millis(21)).0, Warn);
        assert_eq!(judge_flush(Duration::from_micros(4)).0, Warn);
    }

    #[test]
    fn a_clock_must_be_right_and_even() {
        let (passed, now) = (Duration::from_millis(200), 1_790_000_000);
        assert_eq!(judge_clock(Ok(Duration::from_millis(201)), passed, now).verdict, Good);
        assert_eq!(judge_clock(Ok(Duration::from_millis(500)), passed, now).verdict, Warn);
        assert_eq!(judge_clock(Err(()), passed, now).verdict, Warn);
        assert_eq!(judge_clock(Ok(passed), passed, 0).verdict, Fail);
    }
}
