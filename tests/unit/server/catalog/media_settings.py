"""Things that a caller may ask of models that make images and videos, one or two at a time."""

from typing import Any

PNG = "data:image/png;base64,iVBORw0KGgo="

IMAGE_SETTINGS: list[dict[str, Any]] = [
    {},
    *({"n": n} for n in (0, 1, 4, 5, 10, 11)),
    *({"size": size} for size in ("auto", "1024x1024", "big", "0x10")),
    *({"background": word} for word in ("auto", "transparent", "blue")),
    *({"output_format": word} for word in ("png", "webp", "gif")),
    *({"moderation": word} for word in ("low", "high")),
    *({"response_format": word} for word in ("b64_json", "raw")),
    *({"output_compression": percent} for percent in (0, 100, 101)),
    {"partial_images": 2},
    {"partial_images": 0},
    {"stream": True, "partial_images": 3},
    {"stream": True, "partial_images": 4},
    {"prompt": ""},
    {"prompt": "x" * 32_001},
    {"quality": "high", "seed": 1, "steps": 4, "guidance_scale": 3.5, "user": "u"},
    {"style": "vivid"},
]
VIDEO_SETTINGS: list[dict[str, Any]] = [
    {},
    *({"seconds": seconds} for seconds in (*range(1, 14), "4", "5", "8", "5.5", "")),
    *({"duration": seconds} for seconds in (4, 5, "10", 13)),
    *({"resolution": name} for name in ("480p", "720p", "1080p", "4k")),
    *(
        {"resolution": name, "seconds": seconds}
        for name in ("720p", "1080p", "4k")
        for seconds in (4, 6, 8)
    ),
    *({"size": size} for size in ("1280x720", "1080x1920", "3840x2160", "640x480", "wide")),
    {"size": "1920x1080", "seconds": 4},
    {"size": "1280x720", "seconds": 4},
    {"size": "1280x720", "resolution": "720p"},
    {"size": "1280x720", "aspect_ratio": "16:9"},
    {"aspect_ratio": "16:9", "negative_prompt": "rain", "seed": 3},
    {"parameters": {"durationSeconds": 8, "aspectRatio": "16:9"}},
    {"parameters": {"durationSeconds": 8, "resolution": "1080p"}},
    {"parameters": {"durationSeconds": 4, "resolution": "1080p"}},
    {"parameters": {"resolution": "1080p"}, "seconds": 4},
    {"parameters": {"sampleCount": 2}},
    {"generate_audio": True},
    {"generate_audio": False},
    {"voice_ids": ["a", "b"]},
    {"voice_ids": ["a", "b", "c"]},
    {"voice_ids": ["a"], "generate_audio": False},
    {"input_reference": "https://example.com/a.png"},
    {"input_reference": {"file_id": "media_1"}},
    {"input_reference": {"image_url": PNG}},
    {"input_reference": {}},
    {"input_reference": {"file_id": "media_1", "image_url": PNG}},
    {"input_reference": "ftp://example.com/a.png"},
    {"elements": [{"frontal_image_url": PNG, "reference_image_urls": [PNG]}]},
    {"elements": [{"reference_image_urls": [PNG]}]},
    {"metadata": {"a": "b"}},
    {"loop": True},
]
MOTION_SETTINGS: list[dict[str, Any]] = [
    {},
    {"character_orientation": "video"},
    {"character_orientation": "left"},
    {"video_url": "https://example.com/a.mp4", "image_url": PNG},
    {"video_url": "dance.mp4"},
    {"prompt": "x" * 32_001},
    {"keep_original_sound": False},
    {"metadata": {"a": "b"}, "safety_identifier": "me"},
    {"seconds": 5},
]
