#![no_std]
//! The machine.
