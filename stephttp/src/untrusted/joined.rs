//! Frames of a body, kept without what they came in.

use bytes::{Bytes, BytesMut};

/// A frame as short as this is copied: it may be a part of a buffer that is many times as long, and
/// a client decides how it cuts a body into frames.
const SHORT: usize = 4 * 1024;

/// Bytes that came in frames. Long frames are kept as they are, which costs nothing while others
/// hold them too; short ones are copied together.
#[derive(Default)]
pub(crate) struct Joined {
    frames: Vec<Bytes>,
    /// What has been copied since the last long frame.
    tail: BytesMut,
    length: usize,
}

impl Joined {
    pub(crate) fn push(&mut self, frame: &Bytes) {
        self.length += frame.len();
        if frame.len() <= SHORT {
            self.tail.extend_from_slice(frame);
        } else {
            self.seal();
            self.frames.push(frame.clone());
        }
    }

    /// Bytes that are kept.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// All of them, which are then one frame. What was one frame is not copied.
    pub(crate) fn join(&mut self) -> Bytes {
        self.seal();
        if self.frames.len() > 1 {
            let mut all = BytesMut::with_capacity(self.length);
            self.frames.iter().for_each(|frame| all.extend_from_slice(frame));
            self.frames = vec![all.freeze()];
        }
        self.frames.first().cloned().unwrap_or_default()
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.frames.push(std::mem::take(&mut self.tail).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_frames_are_copied_and_all_come_back_in_their_order() {
        let buffer = Bytes::from(vec![7; 64 * 1024]);
        let long = buffer.slice(..SHORT + 1);
        let mut joined = Joined::default();
        for frame in [buffer.slice(..1), buffer.slice(1..2), long.clone(), buffer.slice(2..3)] {
            joined.push(&frame);
        }
        assert_eq!(joined.frames.len(), 2);
        assert_eq!(joined.frames[1].as_ptr(), long.as_ptr());
        assert_eq!((joined.len(), joined.join()), (SHORT + 4, Bytes::from(vec![7; SHORT + 4])));
        joined.push(&buffer.slice(..1));
        assert_eq!(joined.join().len(), SHORT + 5);
        assert!(Joined::default().join().is_empty());
    }
}
