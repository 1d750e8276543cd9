//! The changelog of a package (Policy 4.4), which has one entry.

use std::io::Write;

use flate2::write::GzEncoder;

use super::super::{Package, PackageError};
use super::io;

/// The changelog, compressed as `gzip -9n` does: neither name nor time (Policy 12.7).
pub(super) fn changelog(package: &Package, version: &str) -> Result<Vec<u8>, PackageError> {
    let text = format!(
        "{} ({version}) unstable; urgency=medium\n\n  * Version {}, revision {}.\n\n -- {}  {}\n",
        package.name,
        package.version,
        package.revision,
        package.maintainer,
        date(package.epoch),
    );
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .map_err(io("compress the changelog"))
}

/// A time as RFC 5322 writes it, in UTC.
fn date(epoch: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const WEEK: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (days, seconds) = (epoch / 86_400, epoch % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    // 400 years have 146 097 days, which are whole weeks.
    let mut year = 1970 + days / 146_097 * 400;
    let mut day = days % 146_097;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let mut month = 0;
    loop {
        let length = match month {
            1 if is_leap(year) => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!(
        "{}, {:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        WEEK[(days % 7) as usize],
        day + 1,
        MONTHS[month],
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (epoch, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_700_000_000, "Tue, 14 Nov 2023 22:13:20 +0000"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 +0000"),
            (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 +0000"),
            (13_574_649_599, "Tue, 29 Feb 2400 23:59:59 +0000"),
        ] {
            assert_eq!(date(epoch), text);
        }
    }
}
