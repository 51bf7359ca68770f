//! The library's comodulated network and the reference's, made from the same numbers.

use neurogain::models::{
    BackboneConfig, CellsConfig, Comodulated as Library, ComodulatedBackbone, ComodulatedConfig,
    CouplingGranularity, ModulatedLayers, Stem,
};
use neurogain::{Cpu, Memory, Shape, Tensor};

use super::backbone::Backbone;
use super::comodulated::Comodulated;
use super::layers::{Images, Taps};
use super::resnet_library::{Numbers, narrow, wide};

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub samples: usize,
    pub side: usize,
    pub channels: usize,
    pub width: usize,
    pub stages: usize,
    pub stem: Stem,
    /// Instead of stages: the side of a cell.
    pub cell: Option<usize>,
    pub encoder: [usize; 2],
    pub decoder: usize,
    pub modulated: ModulatedLayers,
    pub couplings: CouplingGranularity,
    pub places: bool,
    pub residual: bool,
    pub seed: u64,
}

pub struct Pair {
    pub library: Library,
    pub reference: Comodulated,
    pub images: Images<f64>,
    pub inputs: Tensor,
    pub names: Vec<String>,
    /// Random numbers for the rest of the case.
    pub numbers: Numbers,
}

/// Small images, one stage.
pub const CASE: Case = Case {
    samples: 18,
    side: 5,
    channels: 2,
    width: 3,
    stages: 1,
    stem: Stem::Small,
    cell: None,
    encoder: [4, 4],
    decoder: 6,
    modulated: ModulatedLayers::Both,
    couplings: CouplingGranularity::Channel,
    places: false,
    residual: true,
    seed: 1,
};

impl Case {
    pub fn shape(&self) -> ComodulatedConfig {
        ComodulatedConfig {
            backbone: match self.cell {
                Some(cell) => ComodulatedBackbone::Cells(CellsConfig {
                    side: self.side,
                    channels: self.channels,
                    cell,
                    width: self.width,
                }),
                None => ComodulatedBackbone::Residual(BackboneConfig {
                    side: self.side,
                    channels: self.channels,
                    width: self.width,
                    stages: self.stages,
                    stem: self.stem,
                }),
            },
            encoder: self.encoder,
            modulated: self.modulated,
            couplings: self.couplings,
            decoder: self.decoder,
            places: self.places,
            residual: self.residual,
        }
    }

    /// The number of modulated neurons.
    pub fn couplings(&self) -> usize {
        let first = self.shape().backbone.output_side();
        let second = if self.cell.is_some() {
            first - 1
        } else {
            first
        };
        let of = |layer: usize| match self.couplings {
            CouplingGranularity::Channel => self.encoder[layer],
            CouplingGranularity::Neuron => {
                let side = [first, second][layer];
                self.encoder[layer] * side * side
            }
        };
        match self.modulated {
            ModulatedLayers::Both => of(0) + of(1),
            ModulatedLayers::First => of(0),
            ModulatedLayers::Second => of(1),
        }
    }

    /// The number of the decoder's neurons.
    pub fn neurons(&self) -> usize {
        self.shape().neurons()
    }

    /// Both networks with the library's initial weights, γ in [½, 1½), β in [−½, ½), and running means in
    /// [−½, ½) and variances in [½, 2).
    pub fn pair(&self, backend: &Cpu) -> Pair {
        let mut library = Library::new(backend, &self.shape(), self.seed).unwrap();
        let large = self.stem == Stem::Large;
        let mut reference = Comodulated {
            backbone: Backbone::new(self.channels, self.width, self.stages, large),
            cells: self.cell.map(|cell| Taps {
                outputs: self.width,
                inputs: self.channels,
                size: cell,
                stride: cell,
            }),
            each_neuron: self.couplings == CouplingGranularity::Neuron,
            places: self.places,
            encoder: self.encoder,
            decoder: self.decoder,
            modulated: self.modulated,
            residual: self.residual,
            parameters: Vec::new(),
            running: Vec::new(),
        };
        let mut numbers = Numbers::new(self.seed);
        let mut fresh = |tensor: &mut Tensor, ranges: &[(f32, f32)]| {
            let each = tensor.shape().rows() * tensor.shape().columns() / ranges.len();
            let all = ranges.iter().flat_map(|range| vec![range; each]);
            let values: Vec<f32> = all
                .map(|&(low, high)| numbers.next(low, high) as f32)
                .collect();
            backend.upload(&values, tensor.floats_mut()).unwrap();
        };
        let mut names = Vec::new();
        for parameter in library.parameters() {
            match parameter.name.rsplit('.').next() {
                Some("gamma") => fresh(&mut parameter.value, &[(0.5, 1.5)]),
                Some("beta") => fresh(&mut parameter.value, &[(-0.5, 0.5)]),
                _ => (),
            }
            names.push(parameter.name.clone());
            reference.parameters.push(wide(backend, &parameter.value));
        }
        for (_, statistics) in library.statistics() {
            fresh(statistics, &[(-0.5, 0.5), (0.5, 2.0)]);
            let all = wide(backend, statistics);
            let (mean, variance) = all.split_at(all.len() / 2);
            reference.running.push([mean.to_vec(), variance.to_vec()]);
        }
        let images = numbers.images([self.samples, self.side, self.channels]);
        let shape = Shape::images(self.samples, self.side, self.side, self.channels);
        Pair {
            library,
            reference,
            inputs: Tensor::from_rows(backend, shape, &narrow(&images.numbers)).unwrap(),
            images,
            names,
            numbers,
        }
    }
}

impl Pair {
    /// `count` numbers in [low, high).
    pub fn draw(&mut self, count: usize, low: f32, high: f32) -> Vec<f64> {
        (0..count).map(|_| self.numbers.next(low, high)).collect()
    }
}
