//! Typed questions and their answers: a node that counts, and one that asks it.
//!
//! ```text
//! cargo run -p examples --example rpc
//! ```

use core::time::Duration;

use adapter_std::platform::entropy;
use adapter_tokio::{Mesh, RequestError};
use mesh_proto::wire::MeshSecret;
use serde::{Deserialize, Serialize};

type Failure = Box<dyn core::error::Error>;

/// What can be asked.
#[derive(Serialize, Deserialize)]
enum Question {
    /// How many words a text has.
    Words(String),
    /// The largest of some numbers.
    Largest(Vec<i64>),
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Count(usize),
    Number(Option<i64>),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let secret = entropy::mesh_secret()?;
    let (asks, counts) = (node(&secret)?, node(&secret)?);
    asks.keep((counts.me(), counts.addresses().first().copied().ok_or("it listens nowhere")?))?;

    // Before anybody serves, that is the answer.
    let early: Result<Answer, RequestError> = asks.request(counts.me(), &Question::Largest(Vec::new())).await;
    println!("early: {}", early.map_or_else(|error| error.to_string(), |answer| format!("{answer:?}")));

    let serving = tokio::spawn(serve(counts.clone()));
    for question in [
        Question::Words("one two three".to_owned()),
        Question::Largest(vec![4, 17, -3]),
        Question::Largest(Vec::new()),
    ] {
        let answer: Answer = asks.request(counts.me(), &question).await?;
        println!("answer: {answer:?}");
    }

    asks.leave(Duration::from_secs(5)).await;
    counts.leave(Duration::from_secs(5)).await;
    serving.await?;
    Ok(())
}

fn node(secret: &MeshSecret) -> Result<Mesh, Failure> {
    let at = "127.0.0.1:0".parse()?;
    Ok(adapter_tokio::builder().secret(secret.clone()).discover_nobody().listen(at).start()?)
}

/// Answers until the node has ended.
async fn serve(mesh: Mesh) {
    let mut requests = mesh.requests();
    while let Some(mut request) = requests.next().await {
        let answer = match request.read() {
            Ok(Question::Words(text)) => Answer::Count(text.split_whitespace().count()),
            Ok(Question::Largest(numbers)) => Answer::Number(numbers.into_iter().max()),
            // Whoever asked is told that it was another type.
            Err(undecodable) => {
                eprintln!("{undecodable}");
                continue;
            }
        };
        if let Err(error) = request.answer(&answer).await {
            eprintln!("nobody to answer: {error}");
        }
    }
}
