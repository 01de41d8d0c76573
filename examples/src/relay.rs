//! What stands between two nodes: a relay for a way, which can cut streams, let them look alive and swallow all that goes over
//! them, or be slow.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use socket2::SockRef;

/// How long a dial behind the relay may take.
const DIAL: Duration = Duration::from_secs(2);
/// How much is carried at once.
const BUFFER_LENGTH: u32 = 64 * 1024;
const BUFFER: usize = BUFFER_LENGTH as usize;

/// The way from one node to another. It ends when it is dropped, with all streams that go through it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where the node is that streams are led to; nowhere while it is not there.
    leads_to: Mutex<Option<SocketAddr>>,
    streams: Mutex<Vec<Arc<Stream>>>,
    /// How long what was read waits before it goes on.
    delay: Mutex<Duration>,
    /// How long 64 KiB take.
    pace: Mutex<Duration>,
    over: AtomicBool,
}

#[derive(Debug)]
struct Stream {
    near: TcpStream,
    far: TcpStream,
    swallows: AtomicBool,
}

impl Relay {
    /// A relay that leads nowhere yet.
    ///
    /// # Errors
    ///
    /// The system has no room for it.
    pub fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            leads_to: Mutex::new(None),
            streams: Mutex::default(),
            delay: Mutex::default(),
            pace: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("relay".to_owned()).spawn(move || accepting.accept(&listener))?;
        Ok(Self { address, shared })
    }

    /// Where to dial.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads streams there from now on.
    pub fn lead_to(&self, address: Option<SocketAddr>) {
        *lock(&self.shared.leads_to) = address;
    }

    /// Carries no more than 64 KiB in this time, each way, however they come.
    pub fn slow(&self, span: Duration) {
        *lock(&self.shared.pace) = span;
    }

    /// Keeps whatever is read for so long before it is carried on, each way.
    pub fn delay(&self, delay: Duration) {
        *lock(&self.shared.delay) = delay;
    }

    /// Where the stream that comes from this address comes out, as whoever it leads to sees it.
    #[must_use]
    pub fn far_end(&self, near: SocketAddr) -> Option<SocketAddr> {
        let streams = lock(&self.shared.streams);
        let of = streams.iter().find(|stream| stream.near.peer_addr().is_ok_and(|from| from == near))?;
        of.far.local_addr().ok()
    }

    /// Cuts all streams that go through here now: how many.
    pub fn cut(&self) -> usize {
        let streams = core::mem::take(&mut *lock(&self.shared.streams));
        streams.iter().for_each(|stream| stream.end());
        streams.len()
    }

    /// All streams that go through here now look alive from now on, and swallow everything: how many.
    pub fn swallow(&self) -> usize {
        let streams = lock(&self.shared.streams);
        streams.iter().for_each(|stream| stream.swallows.store(true, Ordering::Release));
        streams.len()
    }

    /// All streams that go through here now end for those who dialed, and look alive to the other ends: how many.
    pub fn strand(&self) -> usize {
        let stranded = self.swallow();
        lock(&self.shared.streams).iter().for_each(|stream| shut(&stream.near));
        stranded
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.cut();
        // The thread that accepts looks whether it is over when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming() {
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let Ok(near) = near else { continue };
            let shared = Arc::clone(&self);
            let led = thread::Builder::new().name("relay".to_owned()).spawn(move || shared.lead(near));
            // Without a thread the stream is dropped, and its dialer comes again.
            drop(led);
        }
    }

    /// Carries one stream both ways until it ends.
    fn lead(&self, near: TcpStream) {
        let Some(to) = *lock(&self.leads_to) else { return };
        let Ok(far) = TcpStream::connect_timeout(&to, DIAL) else { return };
        if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
            return;
        }
        for socket in [&near, &far] {
            // What lies in the system's buffers is a way, too: a short one, so that a slow relay is not an endless one.
            if SockRef::from(socket).set_recv_buffer_size(BUFFER).is_err() {
                return;
            }
        }
        let stream = Arc::new(Stream { near, far, swallows: AtomicBool::new(false) });
        lock(&self.streams).push(Arc::clone(&stream));
        if self.over.load(Ordering::Acquire) {
            // The relay ended while the stream was made, and may not have seen it.
            stream.end();
        }
        thread::scope(|scope| {
            scope.spawn(|| self.carry(&stream, &stream.near, &stream.far));
            self.carry(&stream, &stream.far, &stream.near);
        });
        lock(&self.streams).retain(|other| !Arc::ptr_eq(other, &stream));
    }

    fn carry(&self, stream: &Stream, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = vec![0; BUFFER];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let (delay, pace) = (*lock(&self.delay), *lock(&self.pace));
            let part = u32::try_from(length).unwrap_or(u32::MAX);
            thread::sleep(delay + pace * part / BUFFER_LENGTH);
            let bytes = buffer.get(..length).unwrap_or_default();
            if !stream.swallows.load(Ordering::Acquire) && to.write_all(bytes).is_err() {
                break;
            }
        }
        // A black hole does not tell that the other end is gone, either.
        if !stream.swallows.load(Ordering::Acquire) {
            stream.end();
        }
    }
}

impl Stream {
    fn end(&self) {
        [&self.near, &self.far].into_iter().for_each(shut);
    }
}

fn shut(socket: &TcpStream) {
    // It may be gone already.
    drop(socket.shutdown(Shutdown::Both));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
