"""The demo yard: a seeded renderer of CCTV pictures with ground truth, made of numpy and OpenCV alone.

Two ways to use it:

- `vigil_demo.scene.stills.stills(seed, number)` gives pictures of a yard that belongs to that seed alone (training);
- `vigil_demo.scene.story.Story()` gives the frames of one continuous story in one yard (the demo camera).

Inside, colours are float32 BGR in 0..1 and are turned to uint8 by the last step (`camera_style`).
World coordinates are metres: x to the right, y up from the ground, z away from the camera's foot.
"""
