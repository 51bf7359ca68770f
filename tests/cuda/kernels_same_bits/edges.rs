//! Empty operands, operands of wrong sizes, and missing libraries.
#![allow(unsafe_code)]

use neurogain::backend::{Binary, Cuda, Elementwise, Losses, MatmulDims, Memory, Unary};

use super::*;

/// Sizes of 0, and operands that do not fit, behave as on the CPU.
fn edges<B: Backend>(backend: &B) -> Vec<String> {
    let on = On(backend);
    let mut said = Vec::new();
    for [blocks, outputs, inputs] in [[0, 3, 2], [1, 0, 2], [1, 3, 0], [1, 3, 2]] {
        let d = MatmulDims {
            blocks,
            outputs,
            inputs,
        };
        let (w, x) = (
            on.upload(&vec![1.5; outputs * inputs]),
            on.upload(&vec![2.0; blocks * inputs * 16]),
        );
        let (mut y, mut dw) = (
            on.unwritten(blocks * outputs * 16),
            on.unwritten(outputs * inputs),
        );
        let mut short = on.unwritten(1);
        said.push(format!(
            "{:?}",
            backend.matmul_forward(d, None, &w, &x, &mut y)
        ));
        said.push(format!("{:?}", on.download(&y)));
        said.push(format!(
            "{:?}",
            backend.matmul_backward_weights(d, None, &y, &x, &mut dw)
        ));
        said.push(format!("{:?}", on.download(&dw)));
        said.push(format!(
            "{:?}",
            backend.matmul_forward(d, Some(&w), &w, &x, &mut short)
        ));
    }
    let logits = on.upload(&[0.5; 32]);
    let mut totals = on.unwritten(3);
    for labels in [[0, 1], [1, 2], [1, 1]] {
        let labels = backend.bytes(&labels).expect("memory");
        let found = backend.softmax_cross_entropy(2, 2, &logits, &labels, None, &mut totals);
        said.push(format!("{found:?}"));
    }
    // Shorter, then longer than the buffer was; the buffer it was copied from stays unchanged.
    let many = backend.bytes(&[7, 1, 0]).expect("memory");
    let mut drawn = many.clone();
    for labels in [&[1, 0, 1, 0][..], &[1, 0]] {
        backend.upload_bytes(labels, &mut drawn).expect("memory");
        assert_eq!(backend.download_bytes(&drawn).expect("memory"), labels);
    }
    assert_eq!(backend.download_bytes(&many).expect("memory"), [7, 1, 0]);
    let found = backend.softmax_cross_entropy(2, 2, &logits, &many, None, &mut totals);
    said.push(format!("{found:?}"));
    let found = backend.softmax_cross_entropy(2, 2, &logits, &drawn, None, &mut totals);
    said.push(format!("{found:?}"));
    let nothing = on.upload(&[]);
    said.push(format!("{:?}", backend.absolute_sum(&nothing, &mut totals)));
    let mut sum = on.unwritten(1);
    said.push(format!("{:?}", backend.absolute_sum(&nothing, &mut sum)));
    said.push(format!("{:?}", backend.squared_sum(&nothing, &mut totals)));
    said.push(format!("{:?}", backend.squared_sum(&nothing, &mut sum)));
    said.push(format!("{:?}", on.download(&sum)));
    let parts = [&sum, &totals, &nothing, &sum];
    for room in [4, 5, 6] {
        let mut host = vec![0.0f32; room];
        let found = backend.download_each(parts.into_iter(), &mut host);
        let bits: Vec<u32> = host.iter().map(|number| number.to_bits()).collect();
        said.push(format!("{found:?} {bits:?}"));
    }
    said
}

#[test]
fn nothing_and_what_does_not_fit() {
    let expected = edges(&cpu());
    assert!(expected.iter().any(|said| said.contains("expected")));
    for device in devices("edges") {
        assert_eq!(edges(&device), expected);
    }
}

#[test]
fn memory_is_counted_and_given_back() {
    for device in devices("memory") {
        let before = device.memory_in_use();
        let x = device.zeros(1000).expect("memory");
        let mut other = x.clone();
        assert_eq!(device.memory_in_use(), before + 4000);
        device.unary(Unary::Relu, &mut other).expect("it runs");
        assert_eq!(device.memory_in_use(), before + 8000);
        drop((x, other));
        assert_eq!(device.memory_in_use(), before);
        assert!(device.zeros(usize::MAX / 8).is_err());
    }
}

/// Memory belongs to its device: another may free it while it is used.
#[test]
fn operands_of_another_device_are_refused() {
    let [here, there] = &devices("owners")[..2] else {
        return;
    };
    let refused = |found: neurogain::Result<()>| {
        let error = found.expect_err("another device").to_string();
        assert!(error.contains("another device"), "{error}");
    };
    let numbers = |device: &Cuda| On(device).upload(&[1.0; 32]);
    let (mut own, foreign) = (numbers(here), numbers(there));
    refused(here.binary(Binary::ReluBackward, &foreign, &mut own));
    let mut written = foreign.clone();
    refused(here.unary(Unary::Relu, &mut written));
    let labels = there.bytes(&[0, 1]).expect("memory");
    let mut totals = On(here).unwritten(3);
    refused(here.softmax_cross_entropy(2, 2, &own, &labels, None, &mut totals));
    let mut host = vec![0.0; 64];
    refused(here.download_each([&own, &foreign].into_iter(), &mut host));
    drop((foreign, written));
    assert_eq!(On(here).download(&own), [1.0; 32]);
}

/// Without a GPU, a driver or a compiler, the errors say what to do.
#[test]
fn what_is_missing_is_an_error() {
    // SAFETY: there is no library.
    let missing = unsafe { Cuda::emulated(std::path::Path::new("/nowhere.so"), 0) }.unwrap_err();
    assert!(missing.to_string().contains("host.cpp"), "{missing}");
    if let Err(error) = Cuda::new(usize::MAX) {
        let said = error.to_string();
        assert!(
            said.contains("install") || said.contains("nvidia-smi"),
            "{said}"
        );
    }
}
