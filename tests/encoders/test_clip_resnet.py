import pytest
import torch
import torch.nn.functional as F

from geoglot.encoders.clip_resnet import AttentionPool, Bottleneck, ClipResNet, ClipResNetConfig

SMALL = ClipResNetConfig(layers=(1, 2, 1, 1), width=8, dim=12, size=96, heads=4)


def test_shapes_and_cells():
    tower = ClipResNet(SMALL).eval()
    with torch.inference_mode():
        found = tower(torch.rand(2, 3, 96, 96))
    assert found.pooled.shape == (2, 12)
    assert found.map().shape == (2, 3, 3, 12)


def test_attention_pool_against_torch():
    torch.manual_seed(0)
    pool = AttentionPool(9, 16, 4, 6)
    x = torch.rand(2, 9, 16)
    with torch.inference_mode():
        pooled, cells = pool(x, (3, 3))
        whole = (torch.cat([x.mean(1, keepdim=True), x], 1) + pool.positional_embedding).transpose(0, 1)
        parts = [pool.q_proj, pool.k_proj, pool.v_proj]
        expected, weights = F.multi_head_attention_forward(
            whole[:1], whole, whole, 16, 4, None, torch.cat([p.bias for p in parts]), None, None, False, 0.0,
            pool.c_proj.weight, pool.c_proj.bias, use_separate_proj_weight=True, training=False,
            q_proj_weight=parts[0].weight, k_proj_weight=parts[1].weight, v_proj_weight=parts[2].weight,
        )  # fmt: skip
    assert weights is not None
    torch.testing.assert_close(pooled, expected[0])
    assert cells.shape == (2, 9, 6)


def test_block_shrinks_by_averaging():
    block = Bottleneck(16, 4, 2).eval()
    assert block(torch.rand(1, 16, 8, 8)).shape == (1, 16, 4, 4)
    assert block.downsample is not None
    assert Bottleneck(16, 4, 1).downsample is None


@pytest.mark.parametrize("size", [64, 224])
def test_cells_follow_the_input(size):
    assert ClipResNetConfig(size=size).cells == size // 32
