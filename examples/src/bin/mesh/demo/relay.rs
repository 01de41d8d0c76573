//! What stands between two nodes: a relay for every way, which can cut streams, or let them look alive and swallow all that
//! goes over them.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// How long a dial behind the relay may take.
const DIAL: Duration = Duration::from_secs(2);
const BUFFER: usize = 64 * 1024;

/// The way from one node to another. It ends with its last copy.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where the node is that streams are led to; nowhere while it is not there.
    leads_to: Mutex<Option<SocketAddr>>,
    streams: Mutex<Vec<Arc<Stream>>>,
    over: AtomicBool,
}

#[derive(Debug)]
struct Stream {
    near: TcpStream,
    far: TcpStream,
    swallows: AtomicBool,
}

impl Relay {
    pub(super) fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            leads_to: Mutex::new(None),
            streams: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("relay".to_owned()).spawn(move || accepting.accept(&listener))?;
        Ok(Self { address, shared })
    }

    /// Where to dial.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads streams there from now on.
    pub(super) fn lead_to(&self, address: Option<SocketAddr>) {
        *lock(&self.shared.leads_to) = address;
    }

    /// Cuts all streams that go through here now: how many.
    pub(super) fn cut(&self) -> usize {
        let streams = core::mem::take(&mut *lock(&self.shared.streams));
        streams.iter().for_each(|stream| stream.end());
        streams.len()
    }

    /// All streams that go through here now look alive from now on, and swallow everything: how many.
    pub(super) fn swallow(&self) -> usize {
        let streams = lock(&self.shared.streams);
        streams.iter().for_each(|stream| stream.swallows.store(true, Ordering::Release));
        streams.len()
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
        let stream = Arc::new(Stream { near, far, swallows: AtomicBool::new(false) });
        lock(&self.streams).push(Arc::clone(&stream));
        thread::scope(|scope| {
            scope.spawn(|| stream.carry(&stream.near, &stream.far));
            stream.carry(&stream.far, &stream.near);
        });
        lock(&self.streams).retain(|other| !Arc::ptr_eq(other, &stream));
    }
}

impl Stream {
    fn carry(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = vec![0; BUFFER];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..length).unwrap_or_default();
            if !self.swallows.load(Ordering::Acquire) && to.write_all(bytes).is_err() {
                break;
            }
        }
        // A black hole does not tell that the other end is gone, either.
        if !self.swallows.load(Ordering::Acquire) {
            self.end();
        }
    }

    fn end(&self) {
        for socket in [&self.near, &self.far] {
            // It may be gone already.
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
