//! The emulation detects the errors it is made for: a kernel without one of its barriers gives different
//! results, and a kernel that writes outside its buffers fails.

use crate::emulated;
use std::fs;
use std::path::{Path, PathBuf};

use neurogain::Result;
use neurogain::backend::{
    Affine, AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, BatchNormConfig,
    Conv2dDims, Convolutions, Cuda, Elementwise, InputAttention, InputAttentionGradients,
    InputAttentionKept, Losses, Memory, Modulations, NeuronAttention, NormDims, Normalisations,
    Reductions, ScaleGradient, Unary, Update, Window,
};

/// A copy of the kernels in which one file is changed.
fn copy_with(name: &str, file: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for entry in fs::read_dir(emulated::kernels()).expect("the kernels") {
        let path = entry.expect("a file").path();
        let to = folder.join(path.file_name().expect("a name"));
        fs::copy(&path, &to).expect("a copy");
    }
    fs::write(folder.join(file), text).expect("a changed copy");
    folder
}

/// The bits that every kernel with a barrier computes, on inputs of more than one tile and chunk.
fn results(cuda: &Cuda) -> Result<Vec<u32>> {
    let window = Window {
        size: 2,
        stride: 1,
        padding: 1,
    };
    let (blocks, height, width, inputs, outputs) = (5, 5, 4, 40, 9);
    let d = Conv2dDims {
        blocks,
        height,
        width,
        inputs,
        outputs,
        window,
    };
    let samples = blocks * 16;
    let [w_length, x_length, y_length] = d.lengths()?;
    let upload = |length: usize| {
        let numbers: Vec<f32> = (0..length)
            .map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.0)
            .collect();
        let mut floats = cuda.zeros(length)?;
        cuda.upload(&numbers, &mut floats)?;
        Ok::<_, neurogain::Error>(floats)
    };
    let (w, x, dy) = (upload(w_length)?, upload(x_length)?, upload(y_length)?);
    let (mut y, mut dw) = (upload(y_length)?, upload(w_length)?);
    cuda.conv2d_forward(d, None, &w, &x, &mut y)?;
    cuda.conv2d_backward_weights(d, None, &dy, &x, &mut dw)?;
    let (mut running, mut statistics) = (upload(2 * inputs)?, upload(2 * inputs)?);
    let pixels = height * width;
    let dimensions = NormDims {
        samples,
        pixels,
        channels: inputs,
    };
    cuda.batch_statistics(
        dimensions,
        BatchNormConfig::default(),
        &x,
        &mut running,
        &mut statistics,
    )?;
    let (mut dx, mut dgamma, mut dbeta) = (upload(x_length)?, upload(inputs)?, upload(inputs)?);
    let operands = neurogain::backend::NormalizeBackward {
        dimensions,
        statistics: &statistics,
        gamma: &upload(inputs)?,
        x: &x,
        relu: None,
    };
    cuda.normalize_backward(operands, &mut dx, None, &mut dgamma, &mut dbeta)?;
    let labels = cuda.bytes(&vec![1; samples])?;
    let logits = upload(samples * 3)?;
    let mut totals = upload(3)?;
    cuda.softmax_cross_entropy(samples, 3, &logits, &labels, None, &mut totals)?;
    let mut sum = upload(1)?;
    cuda.absolute_sum(&x, &mut sum)?;
    let mut neurons = upload(4 * inputs)?;
    cuda.neuron_statistics(dimensions, &x, &mut neurons)?;
    // Sums of more chunks than are staged at a time.
    let (long, mut of_long) = (upload(16 * 4200)?, upload(4)?);
    let one_channel = NormDims {
        samples: 16,
        pixels: 4200,
        channels: 1,
    };
    cuda.neuron_statistics(one_channel, &long, &mut of_long)?;
    // The weights' gradient in two steps, of a window that Winograd's algorithm does not serve.
    let three = Conv2dDims {
        window: Window {
            size: 3,
            padding: 2,
            ..window
        },
        ..d
    };
    let [three_length, _, output_length] = three.lengths()?;
    let (mut dw_three, dy_three) = (upload(three_length)?, upload(output_length)?);
    cuda.conv2d_backward_weights(three, None, &dy_three, &x, &mut dw_three)?;
    // Winograd's algorithm, with more than one stage of source channels.
    let tiles = Conv2dDims {
        blocks: 2,
        height: 4,
        width: 6,
        inputs: 17,
        outputs: 9,
        window: Window {
            size: 3,
            stride: 1,
            padding: 1,
        },
    };
    let [kernel, source, result] = tiles.lengths()?;
    let (w, from, back) = (upload(kernel)?, upload(source)?, upload(result)?);
    let (mut to, mut dfrom, mut dkernel) = (upload(result)?, upload(source)?, upload(kernel)?);
    cuda.conv2d_forward(tiles, None, &w, &from, &mut to)?;
    cuda.conv2d_backward_data(tiles, None, &w, &back, Update::Overwrite, &mut dfrom)?;
    cuda.conv2d_backward_weights(tiles, None, &back, &from, &mut dkernel)?;
    let (mut dscale, mut dshift) = (upload(inputs)?, upload(inputs)?);
    let gradient = ScaleGradient {
        x: &x,
        dscale: &mut dscale,
    };
    cuda.scale_shift_gradients(dimensions, &dx, Some(gradient), Some(&mut dshift))?;
    // Attention among 40 neurons with 2 heads of width 3, and to the inputs of 20 samples.
    let attention = NeuronAttention {
        neurons: 40,
        heads: 2,
        width: 3,
    };
    let token = |width: usize| upload(3 * width * 16);
    let [mut dq, mut dk, mut dv] = [token(6)?, token(6)?, token(6)?];
    let (q, shares) = (token(6)?, token(2 * 40)?);
    cuda.neuron_attention_backward(
        attention,
        AttentionInput {
            q: &q,
            k: &q,
            v: &q,
        },
        AttentionKept {
            shares: &shares,
            out: &q,
        },
        AttentionGiven {
            dout: &q,
            dlog_sums: &token(2)?,
        },
        AttentionGradients {
            dq: &mut dq,
            dk: &mut dk,
            dv: &mut dv,
        },
    )?;
    let (mut dqs, mut dout, mut dlog_sums) = (token(6)?, token(6)?, token(2)?);
    let (key, mut dks, mut dvs) = (upload(192)?, upload(192)?, upload(192)?);
    cuda.input_attention_backward(
        InputAttention {
            attention,
            samples: Some(20),
        },
        InputAttentionKept {
            q: &q,
            out: &q,
            k: &key,
            v: &key,
            w: &upload(2 * 40 * 2 * 16)?,
            dmixed: &upload(2 * 40 * 6 * 16)?,
        },
        InputAttentionGradients {
            dq: &mut dqs,
            dout: &mut dout,
            dlog_sums: &mut dlog_sums,
            dk: &mut dks,
            dv: &mut dvs,
        },
    )?;
    let mut bits = Vec::new();
    for floats in [
        to, dfrom, dkernel, sum, y, dw, dw_three, of_long, running, statistics, dx, dgamma, dbeta,
        totals, neurons, dscale, dshift, dk, dv, dqs, dout, dlog_sums,
    ] {
        let mut host = vec![0.0f32; cuda.length(&floats)];
        cuda.download(&floats, &mut host)?;
        bits.extend(host.iter().map(|number| number.to_bits()));
    }
    Ok(bits)
}

/// Whether some order of the threads gives results other than `expected`, or an error.
fn shows(library: &Path, expected: &[u32]) -> bool {
    (0..3).any(|order| {
        let cuda = emulated::load(library, order);
        !results(&cuda).is_ok_and(|found| found == expected)
    })
}

#[test]
fn a_missing_barrier_shows() {
    let Some(whole) = emulated::library_of(emulated::kernels(), "whole") else {
        return;
    };
    let cuda = emulated::load(&whole, 0);
    let expected = results(&cuda).expect("it runs");
    assert!(!shows(&whole, &expected));
    let barrier = "__syncthreads();";
    let mut barriers = 0;
    for file in [
        "common.cuh",
        "convolution.cu",
        "loss.cu",
        "neuron_attention.cu",
        "normalisation.cu",
        "sum.cu",
        "to_weights.cu",
        "weight_partials.cu",
        "winograd.cu",
    ] {
        let text = fs::read_to_string(emulated::kernels().join(file)).expect("a kernel");
        for (at, _) in text.match_indices(barrier) {
            let mut without = text.clone();
            without.replace_range(at..at + barrier.len(), "");
            let name = format!("barrier-{barriers}");
            let folder = copy_with(&name, file, &without);
            let Some(library) = emulated::library_of(&folder, &name) else {
                return;
            };
            assert!(
                shows(&library, &expected),
                "{file}: the barrier at {at} may be missing"
            );
            barriers += 1;
        }
    }
    assert!(barriers >= 10, "{barriers} barriers");
}

#[test]
fn a_write_outside_of_a_buffer_fails() {
    let file = "elementwise.cu";
    let text = fs::read_to_string(emulated::kernels().join(file)).expect("a kernel");
    let changed = text.replace("    x[i] = if_less(", "    x[(int)i - 1] = if_less(");
    assert_ne!(text, changed);
    let folder = copy_with("outside", file, &changed);
    let Some(library) = emulated::library_of(&folder, "outside") else {
        return;
    };
    let cuda = emulated::load(&library, 0);
    let (mut x, other) = (
        cuda.zeros(32).expect("memory"),
        cuda.zeros(1).expect("memory"),
    );
    cuda.unary(Unary::Relu, &mut x).expect("it waits");
    let error = cuda.download(&x, &mut [0.0; 32]).unwrap_err().to_string();
    assert!(error.contains("outside its buffers"), "{error}");
    // The error is sticky: later calls fail too, because lost launches could have been theirs.
    let later = cuda.clone().download(&other, &mut [0.0]).unwrap_err();
    assert_eq!(later.to_string(), error);
}
