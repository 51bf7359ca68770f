//! The landscape, the movement and the sensitivity are drawn for every stability-gap experiment, and the loss surface of
//! any network has the derivatives of its loss.

use neurogain::analysis::{
    Coordinates, LayerWeights, LossSurface, MlpSurface, NetworkSurface, Snapshot,
};
use neurogain::data::digits;
use neurogain::learn::{Batch, DeviceDataset, PixelScaling};
use neurogain::models::{Mlp, MlpConfig, Network, SlimResNet, SlimResNetConfig};
use neurogain::systems::stability_gap::{
    ANALYSES, Analysis, Experiment, Settings, Subject, analyse,
};
use neurogain::{Cpu, Memory, Shape, Tensor};

/// Digits as images for a narrow residual network whose head has gains, as in the paper.
const RESIDUAL: &str = r#"
base = "split-digits"
name = "small-residual"
title = "Small residual network"
[stream]
contexts = [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
iterations = 12
[network]
kind = "slim-resnet18"
width = 1
head_standard_deviation = 0.05
modulated = ["head"]
[training]
batch = 8
horizontal_flip = true
seeds = [7]
[evaluation]
every = 4
"#;

/// A perceptron on permuted pixels, with contexts of different lengths, each shorter than the landscape's window.
const PERMUTED: &str = r#"
base = "permuted-digits"
name = "short-permuted"
title = "Short permuted digits"
[stream]
iterations_per_context = [6, 4, 9]
[network]
hidden = [5]
[training]
batch = 10
seeds = [7, 8]
"#;

fn settings(toml: &str) -> Settings {
    Settings::from_toml(toml, "settings").unwrap()
}

fn analysed(name: &str, toml: &str) -> neurogain::Result<Analysis> {
    let (cpu, settings, samples) = (Cpu::new()?, settings(toml), digits::load());
    let subject = Subject {
        settings: &settings,
        samples: &samples,
        backend: &cpu,
        threads: 2,
        tell: &|_| (),
    };
    analyse(name, &subject)
}

#[test]
fn every_analysis_serves_every_network_and_stream() {
    for (toml, title) in [
        (RESIDUAL, "Small residual network"),
        (PERMUTED, "Short permuted digits"),
    ] {
        for (name, _) in ANALYSES {
            let analysis = analysed(name, toml).unwrap();
            assert_eq!(analysis.figures[0].name, *name);
            for figure in &analysis.figures {
                assert!(figure.caption.contains(title), "{}", figure.caption);
                assert!(figure.svg.trim_end().ends_with("</svg>"));
                let lines = figure.csv.lines().skip(1);
                assert!(lines.clone().count() > 10, "{name}: {}", figure.csv);
                let last = lines.map(|line| line.rsplit(',').next().unwrap());
                let finite = |cell: &str| cell.parse::<f64>().is_ok_and(f64::is_finite);
                for cell in last {
                    assert!(finite(cell), "{name}: {}", figure.csv);
                }
            }
            assert!(!analysis.table.contains("NaN"), "{}", analysis.table);
        }
    }
}

/// The numbers of the exchange say of which γ, η and learning rate they are: 5·6 settings with gains, 6 rates without.
#[test]
fn the_sensitivity_names_every_setting_beside_its_numbers() {
    let sensitivity = analysed("sensitivity", PERMUTED).unwrap();
    let exchange = &sensitivity.figures[1];
    assert_eq!(exchange.name, "sensitivity-exchange");
    let mut lines = exchange.csv.lines();
    let headings =
        "method,decay γ,burst scale η,learning rate,\"final accuracy, all tasks (%)\",avg-SG";
    assert_eq!(lines.next(), Some(headings));
    let setting = |line: &str| line.split(',').take(4).map(String::from).collect();
    let mut settings: Vec<Vec<String>> = lines.map(setting).collect();
    assert_eq!(settings[7][1..3], ["0.8", "0.1"]);
    assert!(settings[..30].iter().all(|of| of[3] == settings[0][3]));
    assert_eq!(settings[30][1..], ["", "", "0.01"]);
    settings.dedup();
    assert_eq!(settings.len(), 36);
}

/// The landscape of a network whose products are differences has the same bits again, says how it was made, and shows
/// the curvature of each switch at the iterations that its contexts have.
#[test]
fn the_landscape_of_a_residual_network_is_described_and_repeated() {
    let landscape = analysed("landscape", RESIDUAL).unwrap();
    assert_eq!(landscape, analysed("landscape", RESIDUAL).unwrap());
    let [across, eigenvalues] = &landscape.figures[..] else {
        panic!("{} figures", landscape.figures.len());
    };
    for part in [
        "Only head has a gain",
        "G·H_(W_eff)·G",
        "central differences",
        "16 training samples",
        "seed 7",
    ] {
        assert!(across.caption.contains(part), "{}", across.caption);
    }
    // Contexts of 12 iterations: of the offsets from −20 to 50, 0, 1, 2, 5 and 10 are in them.
    let offsets = |panel: &str| -> Vec<String> {
        let rows = eigenvalues.csv.lines().map(|row| row.split(',').collect());
        let rows = rows.filter(|row: &Vec<&str>| {
            row[0] == "eigenvalue 1" && row[1] == panel && row[2] == "SGD"
        });
        rows.map(|row| row[3].to_string()).collect()
    };
    for panel in ["1 → 2", "2 → 3"] {
        assert_eq!(
            offsets(panel),
            ["0.0", "1.0", "2.0", "5.0", "10.0"],
            "{}",
            eigenvalues.csv
        );
    }
    // With gains of the head alone, the curvature in W is not g² times that in W_eff. (In so small a network kinks move
    // both.)
    for row in landscape.table.lines().skip(1) {
        let cells: Vec<f64> = row
            .split_whitespace()
            .filter_map(|c| c.parse().ok())
            .collect();
        let [_, gain, squared, .., ratio] = cells[..] else {
            panic!("{row}");
        };
        assert!(gain > 1.0, "{row}");
        assert!((0.5..0.5 * squared).contains(&ratio), "{row}");
    }
}

/// Settings with which there is nothing to draw are refused.
#[test]
fn settings_without_a_switch_or_without_gains_are_refused() {
    let refused = |name: &str, toml: &str, part: &str| {
        let error = analysed(name, toml).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let one = PERMUTED.replace("[6, 4, 9]", "[6]\ncontexts = [[0]]");
    for (name, _) in ANALYSES {
        refused(name, &one, "stream.contexts = 1: expected at least two");
    }
    let plain = format!(
        "replace = [\"methods\"]\n{PERMUTED}\n[[methods]]\nname = \"sgd\"\nlabel = \"SGD\"\noptimizer = {{ rule = \"sgd\" }}\n"
    );
    for name in ["landscape", "sensitivity"] {
        refused(
            name,
            &plain,
            "methods = sgd: expected a gain-modulated method",
        );
    }
    assert!(analysed("movement", &plain).is_ok());
}

/// A method that diverges is named.
#[test]
fn a_method_that_diverges_is_named() {
    let diverges = PERMUTED.replace("batch = 10", "batch = 10\nlearning_rate = 1e30");
    let error = analysed("movement", &diverges).unwrap_err().to_string();
    assert!(error.contains("of NGM-SGD, seed 7,"), "{error}");
}

/// Some digits as a batch.
fn batch(cpu: &Cpu, count: u32) -> Batch {
    let scaling = PixelScaling {
        maximum: 16.0,
        mean: vec![0.3],
        standard_deviation: vec![0.4],
    };
    let samples = DeviceDataset::new(cpu, &digits::load().train, &scaling).unwrap();
    let indices: Vec<u32> = (0..count).collect();
    let mut batches = samples.batches(cpu, &indices, count as usize).unwrap();
    batches.remove(0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    (dot(&difference, &difference) / dot(b, b)).sqrt()
}

/// On a trained perceptron with gains, differences of f32 gradients agree with the exact f64 products.
#[test]
fn differences_agree_with_exact_products() {
    let settings = Settings::preset("split-digits").unwrap();
    let settings = settings
        .with_overrides(&[
            "network.hidden=[20]",
            "stream.iterations=40",
            "evaluation.every=40",
        ])
        .unwrap();
    let (cpu, samples) = (Cpu::new().unwrap(), digits::load());
    let experiment = Experiment::new(&settings, &samples, &cpu).unwrap();
    let snapshots = experiment
        .snapshots(&settings.methods[0], 1, &[60])
        .unwrap();
    let Snapshot { layers, .. } = &snapshots[0];
    assert!(layers[0].gains[0] > 1.2, "{}", layers[0].gains[0]);

    let batch = batch(&cpu, 64);
    let mut network = Mlp::new(
        &cpu,
        &MlpConfig {
            neurons: vec![64, 20, 10],
            hidden_standard_deviation: 0.1,
            output_standard_deviation: 0.1,
        },
        1,
    )
    .unwrap();
    for (parameter, layer) in network.layers().into_iter().zip(layers) {
        let narrow = |numbers: &[f64]| numbers.iter().map(|&n| n as f32).collect::<Vec<f32>>();
        cpu.upload(&narrow(&layer.weights), parameter.value.floats_mut())
            .unwrap();
        let gain = parameter.gain.as_mut().unwrap();
        cpu.upload(&narrow(&layer.gains), gain.floats_mut())
            .unwrap();
        assert_eq!(LayerWeights::of(&cpu, parameter).unwrap(), *layer);
    }
    let rows = batch.inputs.to_rows(&cpu).unwrap();
    let inputs: Vec<Vec<f64>> = rows
        .chunks(64)
        .map(|row| row.iter().map(|&x| f64::from(x)).collect())
        .collect();
    let labels = cpu.download_bytes(&batch.labels).unwrap();
    let exact = MlpSurface::new(layers.clone(), &inputs, &labels).unwrap();
    let found = NetworkSurface::new(&cpu, network, &batch).unwrap();
    assert_eq!(found.size(), exact.size());
    assert!((found.loss() - exact.loss()).abs() <= 1e-6 * exact.loss());
    for of in [Coordinates::Weights, Coordinates::Effective] {
        let apart = distance(&found.gradient(of), &exact.gradient(of));
        assert!(apart <= 1e-5, "{of:?}: {apart}");
        let top = |surface: &dyn LossSurface| {
            surface
                .largest_eigenpairs(of, 1, 1e-3, 60)
                .unwrap()
                .remove(0)
        };
        let (found_top, exact_top) = (top(&found), top(&exact));
        let apart = (found_top.value / exact_top.value - 1.0).abs();
        assert!(exact_top.value > 0.5 && apart <= 5e-2, "{of:?}: {apart}");
        let v = &exact_top.vector;
        let [one, other] = [&found as &dyn LossSurface, &exact]
            .map(|surface| surface.hessian_times(of, v).unwrap());
        let apart = distance(&one, &other);
        assert!(apart <= 1e-3, "{of:?}: {apart}");
        let step = 0.1;
        let [one, other] = [&found as &dyn LossSurface, &exact]
            .map(|surface| surface.loss_along(of, v, step).unwrap());
        assert!(
            (one / other - 1.0).abs() <= 1e-5,
            "{of:?}: {one} for {other}"
        );
    }
    assert!(found.hessian_times(Coordinates::Weights, &[1.0]).is_err());
    assert!(found.loss_along(Coordinates::Weights, &[1.0], 1.0).is_err());
    let zero = vec![0.0; found.size()];
    assert_eq!(
        found.hessian_times(Coordinates::Weights, &zero).unwrap(),
        zero
    );
}

/// The surface of a residual network: its gradient is the slope of its loss, its products are the curvature over their
/// step, gains multiply the rows of their layer alone, and a longer convolution changes nothing, as the batch's statistics
/// normalise its output.
#[test]
fn batch_normalisation_uses_the_statistics_of_the_batch() {
    let cpu = Cpu::new().unwrap();
    let config = SlimResNetConfig {
        side: 8,
        channels: 1,
        classes: 10,
        width: 4,
        head_standard_deviation: 0.05,
        modulated: vec!["head".into()],
    };
    let mut network = SlimResNet::new(&cpu, &config, 3).unwrap();
    let mut sizes = Vec::new();
    for parameter in network.layers() {
        sizes.push(cpu.length(parameter.value.floats()));
        if let Some(gain) = &mut parameter.gain {
            cpu.upload(&[2.0; 10], gain.floats_mut()).unwrap();
        }
    }
    let stem = network.layers()[0].value.to_rows(&cpu).unwrap();
    // Without the pixels that are the same in all digits: all samples would cross a kink at once.
    let noise = |i: usize| ((i * i) as f64 * 0.37).sin() + (i as f64 * 1.7).cos();
    let pixels: Vec<f32> = (0..160 * 64).map(|i| noise(i) as f32).collect();
    let shape = Shape::images(160, 8, 8, 1);
    let batch = Batch {
        inputs: Tensor::from_rows(&cpu, shape, &pixels).unwrap(),
        labels: batch(&cpu, 160).labels,
    };
    let surface = NetworkSurface::new(&cpu, network, &batch).unwrap();
    assert_eq!(surface.size(), sizes.iter().sum::<usize>());

    let mut along_stem = vec![0.0; surface.size()];
    for (to, from) in along_stem.iter_mut().zip(stem) {
        *to = f64::from(from);
    }
    let (weights, effective) = (Coordinates::Weights, Coordinates::Effective);
    let longer = surface.loss_along(effective, &along_stem, 1.0).unwrap();
    // Up to the ε of the normalisation.
    let loss = surface.loss();
    assert!((longer / loss - 1.0).abs() < 1e-4, "{longer} for {loss}");

    let (in_w, in_effective) = (surface.gradient(weights), surface.gradient(effective));
    let head = in_w.len() - sizes[sizes.len() - 1];
    assert_eq!(in_w[..head], in_effective[..head]);
    let of_head = in_effective[head..].iter();
    assert_eq!(in_w[head..], of_head.map(|n| 2.0 * n).collect::<Vec<f64>>());

    let v = &in_effective;
    let length = dot(v, v).sqrt();
    let along = |step: f64| surface.loss_along(effective, v, step / length).unwrap();
    let step = 1e-4;
    let slope = (along(step) - along(-step)) / (2.0 * step);
    assert!((slope / length - 1.0).abs() < 2e-2, "{slope} for {length}");
    // About the step of the products; kinks count differently in the two differences.
    let step = 8e-3;
    let found = (along(step) + along(-step) - 2.0 * loss) / (step * step);
    let curvature = dot(v, &surface.hessian_times(effective, v).unwrap()) / dot(v, v);
    assert!(curvature > 1.0, "{curvature}");
    assert!(
        (0.4..2.5).contains(&(found / curvature)),
        "{found} for {curvature}"
    );
}
