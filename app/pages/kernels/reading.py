"""The words of the kernels page that do not depend on the data."""

READING = """
A **learnable temporal shift** (LTS) is a convolution over three frames: `out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1]`,
with three numbers for every pair of an output and an input channel. Training starts it as a hard shift: the first half
of the outputs read the next frame alone, the second half the previous one.

- **Effective taps** of an output are its a1, a2, a3 summed over the inputs: its answer to a signal that all channels
  share.
- An output's **centre of mass** is Σ k·|aₖ| / Σ |aₖ| with k = −1, 0, 1, in frames. Below −1/3 it *looks back*, above
  1/3 it *looks ahead*, between them it *stays*. The first screen sorts into these three; the tab *Layers* has six
  kinds as well, which tell outputs that average frames or subtract them from those that read one frame.
- Small weights of one sign from many inputs add up in the effective taps. A layer whose cosine to its initialisation is
  near 1 (see the table) still spends most of its weight where it began, whatever its outputs answer to a shared signal.
- *Taps* above the figures chooses between these sums and an output's taps for **its own input**, the one that it began
  with. A layer can look away by the sums and still shift hard along its diagonal: many small weights stand against one
  large one.
- **Drift** of a layer is |W − W₀| / |W₀|, with W₀ its initialisation.
- The outline behind the bars is the initialisation.

**Other networks** have kernels over time as well: GST and C3D, I3D, P3D, R(2+1)D, S3D, SlowFast.

- A kernel that spans space too (3x3x3) is summed over its rows and columns: its answer to what does not vary in space.
  Drift and cosine are those of the sums.
- Kernels of five or seven taps reach two or three frames each way, k = −3 … 3. The thresholds stay a third of a frame:
  an output that reads the next frame alone looks ahead, however far it could. Frames are those of the layer's input,
  which a network with temporal strides has fewer of in its depth.
- Of these layers a file knows the start and the end, not the way between. The start of a checkpoint from elsewhere is
  **unknown**: then there is no outline and no drift.
"""
