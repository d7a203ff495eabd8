//! moonpool-sim: its world and executor, driven as its own runner drives them, but without the bookkeeping of that runner. It
//! has streams only, so every client has a connection of its own and a task at the server, and a port there, since a port
//! holds one connection that waits to be accepted. Latencies are those of its `fast_local` configuration, which has no faults.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use moonpool_sim::{
    NetworkConfiguration, NetworkProvider, SimNetworkProvider, SimWorld, TcpListenerTrait,
    executor::{Executor, spawn, until_stalled},
};

use crate::Talk;

/// Where the server listens for this client.
fn address(client: u32) -> String {
    format!("10.0.0.1:{}", 1000 + client)
}

async fn serve(network: SimNetworkProvider, client: u32, received: Arc<AtomicU64>) {
    let listener = network.bind(&address(client)).await.expect("the address is free");
    let (mut stream, _) = listener.accept().await.expect("a client connects");
    let mut buffer = [0; 8];
    while stream.read_exact(&mut buffer).await.is_ok() {
        received.fetch_add(1, Relaxed);
        stream.write_all(&buffer).await.expect("the client is there");
    }
}

async fn ask(network: SimNetworkProvider, client: u32, rounds: u32, received: Arc<AtomicU64>) {
    let mut stream = network.connect(&address(client)).await.expect("the server listens");
    let mut buffer = [0; 8];
    for round in 0..rounds {
        stream.write_all(&u64::from(round).to_le_bytes()).await.expect("the server is there");
        stream.read_exact(&mut buffer).await.expect("the server answers");
        received.fetch_add(1, Relaxed);
    }
}

/// Has the conversation once; how many messages were received.
pub fn run(talk: Talk, seed: u64) -> u64 {
    let received = Arc::new(AtomicU64::new(0));
    let mut sim = SimWorld::new_with_network_config_and_seed(NetworkConfiguration::fast_local(), seed);
    let network = sim.network_provider();
    Executor::new(seed).block_on(async {
        let sessions = 0..talk.clients;
        sessions.clone().for_each(|client| drop(spawn("server", serve(network.clone(), client, received.clone()))));
        let ask = |client| spawn("client", ask(network.clone(), client, talk.rounds, received.clone()));
        let clients: Vec<_> = sessions.map(ask).collect();
        while !clients.iter().all(|client| client.is_finished()) {
            if sim.pending_event_count() > 0 {
                sim.step();
            }
            until_stalled().await;
        }
    });
    received.load(Relaxed)
}
