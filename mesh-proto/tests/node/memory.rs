//! How much memory a node in place takes: what its type says, and nothing from the heap.

use mesh_proto::node::Node;
use mesh_proto::{Fixed, Mesh};

/// Four peers with two links each and four more, windows of 1 KiB, and the smallest records that there are.
type Small = Fixed<4, 12>;

#[test]
fn a_node_for_four_peers_takes_a_few_tens_of_kibibytes() {
    let (node, machine) = (size_of::<Node<Small>>(), size_of::<Mesh<Small>>());
    println!("a node takes {node} bytes, its machine {machine} of them");
    assert!(node < 80 * 1024, "{node} bytes");
}
