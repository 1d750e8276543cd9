//! A reader that counts, and that refuses to go further than it may.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// How far an archive has been read, and how far it may be read now.
#[derive(Default)]
pub(crate) struct Meter {
    pub(crate) position: Cell<u64>,
    pub(crate) limit: Cell<u64>,
}

/// A reader that stops at its meter's limit.
///
/// The `tar` crate holds the bodies of long names and PAX records in memory, however long they claim
/// to be; the limit between two entries bounds them.
pub(crate) struct Metered<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R, meter: &Rc<Meter>) -> Self {
        Self {
            inner,
            meter: Rc::clone(meter),
        }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let position = self.meter.position.get();
        let left = self.meter.limit.get().saturating_sub(position);
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the headers of an entry are too long"));
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.inner.read(&mut buffer[..most])?;
        self.meter.position.set(position + count as u64);
        Ok(count)
    }
}
