"""The demo yard: a seeded renderer of CCTV images with ground truth, using only numpy and OpenCV.

Two ways to use it:

- `vigil_demo.scene.stills.stills(seed, number)` yields images of a yard that is unique to the seed (training);
- `vigil_demo.scene.story.Story()` yields the frames of one continuous story in one yard (the demo camera).

Internally, colours are float32 BGR in 0..1; the last step converts them to uint8 (`camera_style`).
World coordinates are metres: x to the right, y up from the ground, z away from the camera's foot.
"""
