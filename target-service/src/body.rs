//! Reads a request body up to a limit and a deadline. Memory never exceeds the limit by more than one frame, and all bodies that are
//! under way share a budget.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::time::timeout;

/// Bytes that all bodies under way may hold together; four of the largest, where that is more.
const BUDGET: usize = 64 << 20;
/// What a body costs that has not come whole, whatever came of it: the buffer that its first bytes lie in.
const BEGUN: usize = 16 << 10;

/// What a body may be, and what all of them may hold.
#[derive(Debug)]
pub(crate) struct BodyLimits {
    /// Largest, in KiB.
    pub(crate) kib: usize,
    /// One that takes longer is given up.
    deadline: Duration,
    /// Bytes that are left for bodies under way.
    room: AtomicUsize,
}

impl BodyLimits {
    pub(crate) fn new(kib: usize, deadline: Duration) -> Self {
        Self {
            kib,
            deadline,
            room: BUDGET.max(4 * (2 * kib * 1024 + BEGUN)).into(),
        }
    }
}

/// What one body has taken of the room; given back when it is dropped.
struct Taken<'a> {
    room: &'a AtomicUsize,
    bytes: usize,
}

impl Taken<'_> {
    fn more(&mut self, bytes: usize) -> Result<(), BodyError> {
        let left = |room: usize| room.checked_sub(bytes);
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        taken.map_err(|_| BodyError::NoRoom)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.room.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// How much of a body beyond the limit is read and thrown away before the refusal. Closing at once would reset the
/// connection while the client still sends, and the refusal would be lost.
const DISCARD: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TooSlow,
    /// Other bodies take up the whole budget.
    NoRoom,
    Broken,
}

/// The whole body, if it is within the limits.
pub(crate) async fn read(body: Body, limits: &BodyLimits) -> Result<Bytes, BodyError> {
    read_bytes(body, limits.kib * 1024, limits).await
}

async fn read_bytes(mut body: Body, limit: usize, limits: &BodyLimits) -> Result<Bytes, BodyError> {
    let taken = Taken {
        room: &limits.room,
        bytes: 0,
    };
    let mut collecting = pin!(collect(&mut body, limit, taken));
    // A body that came with its head needs no timer.
    if let Poll::Ready(whole) = poll_fn(|cx| Poll::Ready(collecting.as_mut().poll(cx))).await {
        return whole;
    }
    timeout(limits.deadline, collecting)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(body: &mut Body, limit: usize, mut taken: Taken<'_>) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        if announced <= (limit + DISCARD) as u64 {
            discard(body, 0).await?;
        }
        return Err(BodyError::TooLarge);
    }
    // Most bodies are one frame, which is passed on as it is, and is there by now.
    let Some(first) = next(body).await? else {
        return Ok(Bytes::new());
    };
    if body.is_end_stream() && first.len() <= limit {
        return Ok(first);
    }
    taken.more(first.len().max(BEGUN))?;
    let mut second = Vec::new();
    while first.len() + second.len() <= limit {
        match next(body).await? {
            None if second.is_empty() => return Ok(first),
            None => return Ok([&first[..], &second].concat().into()),
            Some(data) => {
                let before = second.capacity();
                second.extend_from_slice(&data);
                taken.more(second.capacity() - before)?;
            }
        }
    }
    discard(body, first.len() + second.len() - limit).await?;
    Err(BodyError::TooLarge)
}

async fn discard(body: &mut Body, mut seen: usize) -> Result<(), BodyError> {
    while seen <= DISCARD {
        match next(body).await? {
            Some(data) => seen += data.len(),
            None => break,
        }
    }
    Ok(())
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Broken),
            // Trailers carry no data.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use proptest::prelude::*;

    use super::*;

    struct Frames {
        frames: std::vec::IntoIter<usize>,
        announced: u64,
    }

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            Poll::Ready(
                self.frames
                    .next()
                    .map(|size| Ok(hyper::body::Frame::data(vec![b'x'; size].into()))),
            )
        }

        fn size_hint(&self) -> hyper::body::SizeHint {
            let mut hint = hyper::body::SizeHint::new();
            hint.set_lower(self.announced);
            hint
        }
    }

    fn run(frames: Vec<usize>, announced: u64, limit: usize) -> Result<usize, BodyError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let body = Body::new(Frames {
            frames: frames.into_iter(),
            announced,
        });
        let limits = BodyLimits::new(1, Duration::from_secs(60));
        let before = limits.room.load(Ordering::Relaxed);
        let read = runtime.block_on(read_bytes(body, limit, &limits));
        assert_eq!(limits.room.load(Ordering::Relaxed), before);
        read.map(|bytes| bytes.len())
    }

    #[tokio::test]
    async fn bodies_that_do_not_end_share_a_budget() {
        let limits = BodyLimits::new(64, Duration::from_secs(60));
        let endless = || {
            let frames = Frames {
                frames: vec![1000; 60].into_iter(),
                announced: 0,
            };
            Box::pin(read(endless_after(frames), &limits))
        };
        let mut held = Vec::new();
        let refused = loop {
            let mut reading = endless();
            match poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
                Poll::Pending => held.push(reading),
                Poll::Ready(refused) => break refused,
            }
        };
        assert_eq!(refused.unwrap_err(), BodyError::NoRoom);
        // Each holds 60 kB, in a buffer of up to twice that.
        assert!((400..1100).contains(&held.len()), "{}", held.len());
        held.clear();
        let mut reading = endless();
        assert!(
            poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx)))
                .await
                .is_pending()
        );
    }

    /// The frames, and then nothing for ever.
    fn endless_after(frames: Frames) -> Body {
        struct Endless(Frames);
        impl HttpBody for Endless {
            type Data = Bytes;
            type Error = std::io::Error;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
                match Pin::new(&mut self.0).poll_frame(cx) {
                    Poll::Ready(None) => Poll::Pending,
                    frame => frame,
                }
            }
        }
        Body::new(Endless(frames))
    }

    #[test]
    fn announced_too_large_is_refused_however_large() {
        for announced in [11, 10 + DISCARD as u64, u64::MAX] {
            assert_eq!(run(vec![], announced, 10), Err(BodyError::TooLarge));
        }
    }

    proptest! {
        #[test]
        fn the_limit_holds_for_any_framing(frames in prop::collection::vec(0_usize..40, 0..12), limit in 1_usize..120) {
            let total: usize = frames.iter().sum();
            let expected = if total <= limit { Ok(total) } else { Err(BodyError::TooLarge) };
            prop_assert_eq!(run(frames.clone(), 0, limit), expected);
            prop_assert_eq!(run(frames, total as u64, limit), expected);
        }
    }
}
