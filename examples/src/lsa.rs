//! Text as short dense vectors: TF-IDF reduced by latent semantic analysis (a truncated singular value decomposition).
//!
//! The decomposition is the randomised one: a few products with the sparse matrix find the subspace in which nearly all of it
//! lies, and the small problem that is left is solved exactly.

use std::collections::{BTreeMap, HashMap};

use bm25::{DefaultTokenizer, Language, Tokenizer};

/// Products with the matrix that sharpen the subspace; two are enough for text.
const POWER_ITERATIONS: usize = 2;

/// Directions beyond the wanted ones while the subspace is searched for.
const OVERSAMPLING: usize = 10;

/// A projection from text to vectors of unit length, learned from a corpus.
pub struct Lsa {
    tokenizer: DefaultTokenizer,
    /// Column and inverse document frequency of each term.
    terms: HashMap<String, (usize, f32)>,
    /// One row of `dimensions` numbers for each term.
    projection: Matrix,
}

type Sparse = Vec<(usize, f32)>;

impl Lsa {
    /// Learns from `texts`; fewer dimensions result when the texts do not have that many.
    pub fn fit(texts: &[String], dimensions: usize) -> Lsa {
        let tokenizer = DefaultTokenizer::new(Language::English);
        let counted: Vec<BTreeMap<String, f32>> = texts.iter().map(|text| count(&tokenizer, text)).collect();
        let mut frequency: BTreeMap<&String, f32> = BTreeMap::new();
        for term in counted.iter().flat_map(BTreeMap::keys) {
            *frequency.entry(term).or_default() += 1.0;
        }
        let documents = texts.len() as f32;
        let terms: HashMap<String, (usize, f32)> = frequency
            .into_iter()
            .enumerate()
            .map(|(column, (term, documents_with))| (term.clone(), (column, (documents / documents_with).ln() + 1.0)))
            .collect();
        let rows: Vec<Sparse> = counted.iter().map(|counts| weigh(counts, &terms)).collect();
        let projection = right_singular_vectors(&rows, terms.len(), dimensions);
        Lsa { tokenizer, terms, projection }
    }

    /// The vector of a text: length one, or all zeros when it shares no term with the corpus.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; self.projection.columns];
        for (term, weight) in weigh(&count(&self.tokenizer, text), &self.terms) {
            for (sum, part) in vector.iter_mut().zip(self.projection.row(term)) {
                *sum += weight * part;
            }
        }
        normalise(&mut vector);
        vector
    }
}

fn count(tokenizer: &DefaultTokenizer, text: &str) -> BTreeMap<String, f32> {
    let mut counts = BTreeMap::new();
    for term in tokenizer.tokenize(text) {
        *counts.entry(term).or_insert(0.0) += 1.0;
    }
    counts
}

/// TF-IDF with dampened counts, at unit length.
fn weigh(counts: &BTreeMap<String, f32>, terms: &HashMap<String, (usize, f32)>) -> Sparse {
    let known = counts
        .iter()
        .filter_map(|(term, count)| terms.get(term).map(|(column, idf)| (*column, (1.0 + count.ln()) * idf)));
    let mut row: Sparse = known.collect();
    let length = row.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|(_, weight)| *weight /= length);
    }
    row
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// The `wanted` strongest right singular vectors of a sparse matrix, as the columns of the result.
fn right_singular_vectors(rows: &[Sparse], columns: usize, wanted: usize) -> Matrix {
    let width = (wanted + OVERSAMPLING).min(rows.len()).min(columns);
    // Random directions, the same in every run.
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut directions = Matrix::new(columns, width);
    directions.values.iter_mut().for_each(|value| *value = random.next());

    let mut range = times(rows, &directions);
    range.orthonormalise();
    for _ in 0..POWER_ITERATIONS {
        // Made orthonormal on the side of the texts only, which is the small one.
        range = times(rows, &transposed_times(rows, columns, &range));
        range.orthonormalise();
    }
    // In the subspace the matrix is `small` (transposed: one row per column of the original); its Gram matrix is tiny.
    let small = transposed_times(rows, columns, &range);
    let (strengths, rotation) = eigen(small.gram());
    let mut order: Vec<usize> = (0..width).filter(|index| strengths[*index] > 1e-6).collect();
    order.sort_by(|a, b| strengths[*b].total_cmp(&strengths[*a]));
    order.truncate(wanted);

    let mut vectors = Matrix::new(columns, order.len());
    for row in 0..columns {
        for (column, source) in order.iter().enumerate() {
            let dot: f32 = (0..width).map(|index| small.at(row, index) * rotation.at(index, *source)).sum();
            vectors.values[row * order.len() + column] = dot / strengths[*source].sqrt();
        }
    }
    vectors
}

fn times(rows: &[Sparse], right: &Matrix) -> Matrix {
    let mut product = Matrix::new(rows.len(), right.columns);
    for (row, out) in rows.iter().zip(product.values.chunks_mut(right.columns)) {
        for (column, weight) in row {
            out.iter_mut().zip(right.row(*column)).for_each(|(sum, part)| *sum += weight * part);
        }
    }
    product
}

fn transposed_times(rows: &[Sparse], columns: usize, right: &Matrix) -> Matrix {
    let mut product = Matrix::new(columns, right.columns);
    for (index, row) in rows.iter().enumerate() {
        for (column, weight) in row {
            let out = &mut product.values[column * right.columns..(column + 1) * right.columns];
            out.iter_mut().zip(right.row(index)).for_each(|(sum, part)| *sum += weight * part);
        }
    }
    product
}

/// A dense matrix, row after row.
struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    fn new(rows: usize, columns: usize) -> Matrix {
        Matrix { columns, values: vec![0.0; rows * columns] }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns + column]
    }

    /// Makes the columns orthonormal (Gram-Schmidt, twice, because once loses precision); a column without anything new becomes zero.
    fn orthonormalise(&mut self) {
        let rows = self.values.len() / self.columns.max(1);
        for column in 0..self.columns {
            for _ in 0..2 {
                for before in 0..column {
                    let dot: f32 = (0..rows).map(|row| self.at(row, column) * self.at(row, before)).sum();
                    for row in 0..rows {
                        self.values[row * self.columns + column] -= dot * self.at(row, before);
                    }
                }
            }
            let length = (0..rows).map(|row| self.at(row, column).powi(2)).sum::<f32>().sqrt();
            let scale = if length > 1e-6 { 1.0 / length } else { 0.0 };
            for row in 0..rows {
                self.values[row * self.columns + column] *= scale;
            }
        }
    }

    /// The products of all pairs of columns.
    fn gram(&self) -> Matrix {
        let mut gram = Matrix::new(self.columns, self.columns);
        for row in self.values.chunks(self.columns.max(1)) {
            for (i, a) in row.iter().enumerate() {
                for (j, b) in row.iter().enumerate() {
                    gram.values[i * self.columns + j] += a * b;
                }
            }
        }
        gram
    }
}

/// Eigenvalues and eigenvectors (as columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut matrix: Matrix) -> (Vec<f32>, Matrix) {
    let size = matrix.columns;
    let mut vectors = Matrix::new(size, size);
    (0..size).for_each(|index| vectors.values[index * size + index] = 1.0);
    for _sweep in 0..30 {
        let off_diagonal: f32 =
            (0..size).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix.at(i, j).powi(2)).sum();
        if off_diagonal < 1e-10 {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                if matrix.at(p, q).abs() > 1e-12 {
                    rotate(&mut matrix, &mut vectors, p, q);
                }
            }
        }
    }
    ((0..size).map(|index| matrix.at(index, index)).collect(), vectors)
}

/// Turns the plane of `p` and `q` so that their product vanishes.
fn rotate(matrix: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    let size = matrix.columns;
    let theta = (matrix.at(q, q) - matrix.at(p, p)) / (2.0 * matrix.at(p, q));
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let tangent = if theta == 0.0 { 1.0 } else { tangent };
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn = |values: &mut [f32], a: usize, b: usize| {
        let (x, y) = (values[a], values[b]);
        values[a] = cosine * x - sine * y;
        values[b] = sine * x + cosine * y;
    };
    for index in 0..size {
        turn(&mut matrix.values, index * size + p, index * size + q);
    }
    for index in 0..size {
        turn(&mut matrix.values, p * size + index, q * size + index);
    }
    for index in 0..size {
        turn(&mut vectors.values, index * size + p, index * size + q);
    }
}

/// Numbers that look random, between -1 and 1 (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}
