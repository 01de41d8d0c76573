//! The interfaces of this host, and the difference between two lists.

use core::net::Ipv4Addr;

use adapter_std::platform::interfaces::{Change, Interface, InterfaceWatch, Multicast, list};

fn interface(index: u32, v4: &[[u8; 4]]) -> Interface {
    let v4 = v4.iter().copied().map(Ipv4Addr::from).collect();
    Interface { index, name: format!("eth{index}"), v4, v6: Vec::new(), multicast: Multicast::Both }
}

#[test]
fn loopback_is_there_and_can_multicast() {
    let interfaces = list().expect("every system tells");
    let loopback = interfaces.iter().find(|interface| interface.v4.contains(&Ipv4Addr::LOCALHOST));
    assert_eq!(loopback.and_then(Interface::multicast_v4), Some(Ipv4Addr::LOCALHOST), "{interfaces:?}");
    assert!(interfaces.is_sorted_by_key(|interface| interface.index));
}

#[test]
fn what_can_multicast_has_an_address_for_it() {
    let link_local = "fe80::1".parse().expect("an address");
    let global = "fd00::1".parse().expect("an address");
    let mut one = interface(1, &[]);
    assert_eq!((one.multicast_v4(), one.multicast_v6()), (None, None));
    one.v4.push(Ipv4Addr::LOCALHOST);
    one.v6 = vec![global, link_local];
    assert_eq!((one.multicast_v4(), one.multicast_v6()), (Some(Ipv4Addr::LOCALHOST), Some(link_local)));
    one.v6 = vec![global];
    assert_eq!(one.multicast_v6(), Some(global));
    one.multicast = Multicast::V4;
    assert_eq!((one.multicast_v4(), one.multicast_v6()), (Some(Ipv4Addr::LOCALHOST), None));
    one.multicast = Multicast::Neither;
    assert_eq!((one.multicast_v4(), one.multicast_v6()), (None, None));
}

#[test]
fn a_change_names_what_came_what_went_and_what_is_different() {
    let before =
        [interface(1, &[[10, 0, 0, 1]]), interface(2, &[[10, 0, 1, 1]]), interface(3, &[[10, 0, 2, 1]])];
    let after =
        [interface(1, &[[10, 0, 0, 1]]), interface(3, &[[10, 0, 2, 9]]), interface(4, &[[10, 0, 3, 1]])];
    assert_eq!(
        Change::between(&before, &after),
        Change {
            came: vec![interface(4, &[[10, 0, 3, 1]])],
            went: vec![interface(2, &[[10, 0, 1, 1]])],
            changed: vec![interface(3, &[[10, 0, 2, 9]])],
        }
    );
    assert!(Change::between(&after, &after).is_empty());
}

#[test]
fn a_watch_begins_with_what_there_is() {
    let watch = InterfaceWatch::new().expect("every system tells");
    assert!(!watch.known().is_empty());
}
