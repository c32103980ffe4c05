# ruff: noqa
# fmt: off
import copy, inspect, math, torch
from transformers import PreTrainedConfig

H=64; HEADS=4; HD=16; INTER=128; LAYERS=2; VOCAB=99
HID={'hidden_size','d_model','n_embd','dim','embed_dim','emb_dim','hidden_dim','embedding_size','projection_dim','encoder_hidden_size','decoder_hidden_size','text_hidden_size','vision_hidden_size','word_embed_proj_dim','output_dim','out_hidden_size','q_size','model_dim','width','embed_size','text_embed_dim','n_embed','proj_dim','lru_width','audio_hidden_size','vision_embed_dim','output_proj_dim','attn_hidden_size','width_size','residual_hidden_size','d_embed'}
LAY={'num_hidden_layers','n_layer','n_layers','num_layers','encoder_layers','decoder_layers','num_encoder_layers','num_decoder_layers','num_blocks','depth','num_layers_encoder','num_layers_decoder','transformer_layers','decoder_num_layers','num_vision_layers','num_global_layers','num_cross_layers','hidden_layers','num_block','l_layers','r_layers','x_layers','encoder_num_layers','num_speech_layers','num_attention_layers','t2u_encoder_layers','t2u_decoder_layers','speech_encoder_layers','num_dense_layers_','num_mem_blocks_','decoder_depth','num_hidden_layers_encoder'}
HEAD={'num_attention_heads','n_head','n_heads','num_heads','encoder_attention_heads','decoder_attention_heads','attention_heads','decoder_num_attention_heads','num_decoder_attention_heads','num_encoder_attention_heads','speech_encoder_attention_heads','t2u_encoder_attention_heads','t2u_decoder_attention_heads','decoder_num_heads','encoder_num_attention_heads','num_query_heads','encoder_num_heads','attention_num_heads'}
KV={'num_key_value_heads','num_kv_heads','multi_query_group_num','n_head_kv','decoder_num_key_value_heads','encoder_num_key_value_heads','num_attention_key_value_heads','n_kv_heads','swa_num_key_value_heads'}
INT={'intermediate_size','ffn_dim','encoder_ffn_dim','decoder_ffn_dim','d_ff','n_inner','moe_intermediate_size','shared_expert_intermediate_size','mlp_dim','ffn_hidden_size','hidden_dim_ffn','encoder_intermediate_dim','decoder_intermediate_dim','expert_ffn_hidden_size','intermediate_dim','shared_intermediate_size','expert_ffn_size','decoder_intermediate_size','moe_shared_expert_intermediate_size','intermediate_size_mlp','block_ff_dim','dense_intermediate_size','speech_encoder_intermediate_size','t2u_encoder_ffn_dim','t2u_decoder_ffn_dim','ffn_intermediate_size','linear_units'}
HDS={'head_dim','kv_channels','attention_head_dim','d_kv','global_head_dim','head_size','attention_head_size','swa_head_dim','d_head','mlp_head_dim_','index_head_dim'}
EXP={'num_experts','num_local_experts','n_routed_experts','moe_num_experts','n_experts','num_routed_experts'}
TOPK={'num_experts_per_tok','moe_topk','top_k_experts','moe_k','num_experts_per_token','moe_top_k','experts_per_token'}
VOC={'vocab_size','decoder_vocab_size','encoder_vocab_size','text_vocab_size','src_vocab_size','tgt_vocab_size'}

def is_int(v): return isinstance(v,int) and not isinstance(v,bool)
def gates(cfg):
    return [(k,v) for k,v in vars(cfg).items() if isinstance(v,PreTrainedConfig)]

def shrink(cfg, level, tok=[90], lv15=False):
    """level 1: widths+layers+vocab ; level 2: layers+vocab only; level 3: layers only"""
    def st(k,v):
        try: setattr(cfg,k,v)
        except Exception:
            try: cfg.__dict__[k]=v
            except Exception: pass
    from transformers import ResNetConfig
    for k,v in gates(cfg):
        if v.model_type in('timm_backbone','timm_wrapper') and cfg.model_type not in('timm_backbone','timm_wrapper'):
            v=ResNetConfig(embedding_size=16,hidden_sizes=[16,32,48,64],depths=[1,1,1,1],out_features=['stage1','stage2','stage3','stage4'] if cfg.model_type not in('detr','conditional_detr','table-transformer','yolos') else ['stage4'])
            st(k,v)
            if hasattr(cfg,'use_timm_backbone'): st('use_timm_backbone',False)
            continue
        shrink(v, level, tok, lv15)
    amap=getattr(type(cfg),'attribute_map',{}) or {}
    d=dict(vars(cfg))
    nl_old=None
    for k in ('num_hidden_layers','n_layer','num_layers','n_layers','depth'):
        if is_int(d.get(k)): nl_old=d[k]; break
    st('use_cache',False) if 'use_cache' in d or 'use_cache' in getattr(type(cfg),'__annotations__',{}) else None
    newL=LAYERS
    # layer type lists: keep first occurrence of each type, up to 4
    types=None
    for k,v in d.items():
        if k in('layer_types','layers_block_type','block_types','attention_types_','layers_types','mlp_layer_types') and isinstance(v,list) and v and all(isinstance(x,str) for x in v):
            uniq=list(dict.fromkeys(v))
            if types is None and len(uniq)>1:
                types=uniq[:4]; newL=max(LAYERS,len(types))
    for k,v in d.items():
        if k in LAY and is_int(v) and v>newL and not (k in('num_layers','num_hidden_layers','num_blocks') and any(isinstance(d.get(q),(list,tuple)) for q in('depths','hidden_sizes','embed_dims','layer_depths'))): st(k,newL)
        elif isinstance(v,list) and k in('layer_types','layers_block_type','layers_types','mlp_layer_types','block_types') and v and all(isinstance(x,str) for x in v) and nl_old==len(v):
            uniq=list(dict.fromkeys(v)); w=(uniq*newL)[:newL] if len(uniq)>=2 else v[:newL]
            st(k,w)
        elif isinstance(v,(list,tuple)) and nl_old and len(v)==nl_old and nl_old>newL and k not in('depths',) and not isinstance(d.get('depths'),(list,tuple)):
            st(k,type(v)(v[:newL]))
        elif k in('depths','num_blocks_list','encoder_depths','decoder_depths','layers','depth_list') and isinstance(v,(list,tuple)) and v and all(is_int(x) for x in v):
            st(k,type(v)(min(x,2 if i in (len(v)-2,) else 1) if x else 0 for i,x in enumerate(v)))
    if level<=2:
        for k,v in d.items():
            if k in VOC and is_int(v) and v>VOCAB: st(k,VOCAB)
            elif (k.endswith('_token_id') or k.endswith('_token_index') or k.endswith('_token')) and is_int(v) and v>=VOCAB:
                tok[0]=tok[0]-1 if tok[0]>40 else 90; st(k,tok[0])
            elif k.endswith('_token_id') and isinstance(v,(list,tuple)) and v and any(is_int(x) and x>=VOCAB for x in v): st(k,[2])
    if level<=1:
        heads=None
        for k in HEAD:
            if is_int(d.get(k)): heads=d[k]; break
        for k,v in d.items():
            if not is_int(v): continue
            if lv15 and (k in HDS or k in('qk_nope_head_dim','v_head_dim','qk_rope_head_dim','qk_head_dim','rotary_dim')): continue
            if k in('embed_dim','num_heads') and isinstance(d.get('depths'),(list,tuple)): continue
            if k in HID and v>H: st(k,H)
            elif k in HEAD and v>HEADS: st(k,HEADS)
            elif k in KV:
                st(k, v if v<=2 else (2 if (heads and v<heads) else HEADS))
            elif k in INT and v>INTER: st(k,INTER)
            elif k in HDS and v>HD: st(k,HD)
            elif k in EXP and v>4: st(k,4)
            elif k in TOPK and v>2: st(k,2)
            elif k in('n_group','num_group','num_expert_group','topk_group','num_expert_groups','num_limited_groups'): st(k,1)
            elif k in('n_shared_experts','num_shared_experts') and v>1: st(k,1)
            elif k in('q_lora_rank','kv_lora_rank','o_lora_rank','lora_rank') and v>32: st(k,32)
            elif k in('qk_nope_head_dim','v_head_dim') : st(k,16)
            elif k in('qk_rope_head_dim',): st(k,16)
            elif k in('qk_head_dim',): st(k,32)
            elif k in('rotary_dim',) and v>8: st(k,8)
            elif k in('linear_key_head_dim','linear_value_head_dim','mamba_d_head','mamba_head_dim','mamba_headdim','ssm_head_dim'): st(k,16)
            elif k in('linear_num_key_heads',): st(k,2)
            elif k in('linear_num_value_heads',): st(k,4)
            elif k in('mamba_n_heads','mamba_num_heads','n_mamba_heads') and v>8: st(k,8)
            elif k in('mamba_n_groups','n_groups') and v>1: st(k,1)
            elif k in('mamba_d_state','ssm_state_size','state_size','mamba_d_state') and v>16: st(k,16)
            elif k=='mamba_d_ssm': st(k,128)
            elif k in('mamba_chunk_size','chunk_size') and v>16: st(k,16)
            elif k in('time_step_rank','mamba_dt_rank') : st(k,4)
            elif k=='max_position_embeddings' and v>512: st(k,512)
            elif k in('max_source_positions',) and v>64: st(k,64)
            elif k in('num_queries','num_query_tokens','num_latents') and v>12: st(k,12)
            elif k in('num_codebooks',) and v>4: st(k,4)
            elif k in('hidden_size_per_layer_input','vocab_size_per_layer_input'): st(k, 16 if 'hidden' in k else VOCAB)
            elif k=='first_k_dense_replace' and v>1: st(k,1)
            elif k=='num_kv_shared_layers': st(k,0)
            elif k=='image_size' and v>64: st(k,64)
            elif k=='index_topk' and v>4: st(k,4)
            elif k=='index_n_heads' and v>4: st(k,4)
        if isinstance(d.get('image_size'),(list,tuple)) and len(d['image_size'])==2: st('image_size',[64,64])
        # rope
        for rk in('rope_parameters','rope_scaling'):
            rp=d.get(rk)
            def fix(r):
                if isinstance(r,dict):
                    for kk,vv in r.items():
                        if kk=='mrope_section' and isinstance(vv,(list,tuple)):
                            r[kk]={3:[2,3,3],2:[4,4],4:[2,2,2,2]}.get(len(vv),vv)
                        elif kk in('short_factor','long_factor') and isinstance(vv,(list,tuple)): r[kk]=list(vv[:8])
                        elif isinstance(vv,dict): fix(vv)
            if isinstance(rp,dict):
                rp=copy.deepcopy(rp); fix(rp)
                mt=cfg.model_type or ''
                if level<=1 and 'mrope_section' not in rp and any(q in mt for q in('vl','omni','ocr','glm4v','glm_image','ernie4_5_vl','hunyuan')) and not any(isinstance(q,dict) for q in rp.values()): rp['mrope_section']=[2,3,3]
                st(rk,rp)
        if is_int(d.get('num_feat_extract_layers')) : pass
    if 'prediction_length' in d and d['prediction_length'] is None: st('prediction_length',8); st('context_length',d.get('context_length') or 16)
    if 'vocabulary_map' in d and d['vocabulary_map'] is None: st('vocabulary_map',{'<image>':4})
    if lv15:
        for k,v in d.items():
            if v is None:
                if k in EXP: st(k,4)
                elif k in TOPK or k in('top_k_experts',): st(k,2)
                elif k in('moe_intermediate_size','intermediate_size'): st(k,64)
                elif k in HDS: st(k,16)
                elif k in KV: st(k,HEADS)
                elif k in('n_shared_experts','first_k_dense_replace','n_group','topk_group'): st(k,1)
                elif k=='routed_scaling_factor': st(k,1.0)
                elif k=='norm_topk_prob': st(k,True)
                elif k=='vocab_size': st(k,99)
                elif k=='image_token_id' or k=='image_token_index': st(k,90)
                elif k=='mlp_layer_types': st(k,['dense']+['sparse']*(newL-1))
                elif k=='layer_types': st(k,['full_attention']*newL)
        rp=d.get('rope_parameters')
        if isinstance(rp,dict) and any(isinstance(q,dict) for q in rp.values()):
            rp=dict(rp)
            for t in('full_attention','sliding_attention'): rp.setdefault(t,{'rope_type':'default','rope_theta':10000.0})
            st('rope_parameters',rp)
        elif isinstance(rp,dict) and 'mrope_section' in rp and 'ernie' in (cfg.model_type or ''):
            rp=dict(rp); rp['mrope_section']=[32,32,0] if False else [2,2,4]; st('rope_parameters',rp)
    return cfg

def walk(cfg):
    yield cfg
    for k,v in gates(cfg): yield from walk(v)

def get(cfg, names, default=None):
    for c in walk(cfg):
        for n in names:
            try: v=getattr(c,n,None)
            except Exception: v=None
            if v is not None: return v
    return default

def img_size(cfg):
    s=get(cfg,['image_size','img_size'],None)
    p=get(cfg,['patch_size'],None)
    if isinstance(s,dict): s=s.get('height') or s.get('longest_edge') or 64
    if isinstance(s,(list,tuple)): return tuple(s[:2])
    if is_int(s): return (s,s)
    return (64,64)

def subof(cfg,kind):
    for n in kind:
        v=getattr(cfg,n,None)
        if isinstance(v,PreTrainedConfig): return v
    return cfg

def alternatives(name,cfg,params):
    """list of candidate tensors for a forward arg"""
    B=2;S=8
    g=torch.Generator().manual_seed(0)
    vcfg=subof(cfg,('vision_config','image_config','backbone_config'))
    C=get(vcfg,['num_channels','in_channels','in_chans','num_image_channels'],3)
    if not is_int(C): C=3
    h,w=img_size(vcfg)
    voc=get(cfg,['vocab_size'],VOCAB)
    if not is_int(voc): voc=VOCAB
    hid=get(cfg,['hidden_size','d_model'],64)
    R=lambda *s: torch.randn(*s,generator=g)
    I=lambda hi,*s: torch.randint(3,max(hi,4),s,generator=g)
    if name in('input_ids','decoder_input_ids','text_input_ids'):
        hi=min(voc,30)
        n=get(cfg,['num_codebooks'],None)
        out=[I(hi,B,S)]
        if n: out+=[I(hi,B,S,n),I(hi,B,n,S),I(hi,B*n,S)]
        out+=[I(hi,B,64),I(hi,B,128)]
        return out
    if name in('attention_mask','decoder_attention_mask','text_attention_mask'): return [torch.ones(B,S,dtype=torch.long)]
    if name in('token_type_ids','mm_token_type_ids'): return [torch.zeros(B,S,dtype=torch.long), torch.zeros(B,S,7,dtype=torch.long)]
    if name=='bbox': return [torch.zeros(B,S,4,dtype=torch.long), torch.rand(B,S,8,generator=g)]
    if name in('image','images'): return [R(B,3,224,224)]
    if name in('pixel_values','pixel_values_images','qformer_pixel_values','condition_pixel_values','flattened_patches','hidden_states','pixel_values_videos','context_pixel_values'):
        fr=get(vcfg,['num_frames','frames_per_clip'],None)
        p=get(vcfg,['patch_size'],16); p=p if is_int(p) else (p[-1] if isinstance(p,(list,tuple)) and p and is_int(p[-1]) else 16)
        t=get(vcfg,['temporal_patch_size'],1) or 1
        n=(64//p)**2 if p<=32 else 4
        base=[R(B,C,h,w)]
        if is_int(fr): base=[R(B,fr,C,h,w),R(B,C,fr,h,w)]+base
        pat=[R(16,C*t*p*p)]
        if 'grid_thw' in params or 'image_grid_thw' in params or 'spatial_shapes' in params or 'image_grid_hws' in params: base=pat+base
        if name=='hidden_states': base=pat+[R(B,S,hid)]+base+[R(B,hid,8),R(B,1,3840)]
        if name=='pixel_values': base=base+[R(1,2,1,64,64)]
        extra=[R(B,C,224,224),R(B,C,64,64),R(B,16,C*p*p),R(B,1,C,h,w),R(B,4,C,h,w),R(B,C,32,64),R(B,16,hid)]
        if is_int(p): extra=[R(16,C,p,p),R(16,2*C*p*p)]+extra
        if 'flattened' in name: extra=[R(B,16,C*p*p+2)]+extra
        return base+extra+pat
    if name in('grid_thw','image_grid_thw'): return [torch.tensor([[1,4,4]]), torch.tensor([[1,4,4],[1,4,4]])]
    if name in('image_grid_hws','grid_hws'): return [torch.tensor([[4,4]])]
    if name=='spatial_shapes': return [torch.tensor([[4,4],[4,4]])]
    if name=='pixel_attention_mask': return [torch.ones(B,16,dtype=torch.long)]
    if name=='pixel_mask': return [torch.ones(B,h,w,dtype=torch.long)]
    if name in('pixel_position_ids','image_position_ids'): return [torch.stack(torch.meshgrid(torch.arange(4),torch.arange(4),indexing='ij'),-1).reshape(1,16,2).expand(B,-1,-1).contiguous()]
    if name in('input_features','audio_features_','input_audio_embeds'):
        m=get(cfg,['num_mel_bins','feature_size','input_feat_per_channel','num_mel_bins','mel_bins','input_feat_size','feature_projection_input_dim','n_mels','input_dim'],80)
        if not is_int(m): m=80
        ms=get(cfg,['max_source_positions'],64); ms=ms if is_int(ms) else 64
        ml=get(cfg,['max_length'],None)
        f=[R(B,m,2*ms),R(B,64,m),R(B,m,64),R(B,1,1024,m),R(B,1,1001,64),R(B,128,m),R(B,64,160),R(B,64,560),R(B,64,320),R(B,m,200)]
        return f
    if name in('prompt_pixel_values','prompt_masks'): return [R(B,C,h,w)]
    if name=='past_values_padding': return [torch.zeros(B,get(cfg,['context_length'],512),dtype=torch.long)]
    if name=='freq': return [torch.zeros(B,1,dtype=torch.long)]
    if name=='task_inputs': return [I(30,B,77)]
    if name=='merge_sizes': return [torch.tensor([1])]
    if name=='latents': return [R(B,get(cfg,['hidden_size'],64),8),R(B,8,get(cfg,['hidden_size'],64))]
    if name=='decoder_input_values': return [R(B,S,hid),R(B,S,get(cfg,['num_mel_bins'],80))]
    if name=='action_embeds': return [R(B,S,hid)]
    if name=='qformer_input_ids': return [I(30,B,S)]
    if name=='input_features_mask': return [torch.ones(B,64,dtype=torch.long)]
    if name in('input_values','audio_values','inputs_','audio'):
        ml=get(cfg,['max_length'],1024)
        m=get(cfg,['num_mel_bins'],128)
        return [R(B,4000),R(B,1,4000),R(B,1,3840),R(B,ml if is_int(ml) else 1024,m if is_int(m) else 128),I(60,B,S),R(B,2,4000),R(B,1,16000),R(B,S,hid),R(B,3840),R(B,19200)]
    if name in('audio_codes',): return [I(30,B,4,S),I(30,1,B,4,S)]
    if name=='padding_mask': return [torch.ones(B,1,4000,dtype=torch.bool)]
    if name in('past_values',):
        L=get(cfg,['context_length'],32); ch=get(cfg,['num_input_channels','input_size'],1)
        lags=get(cfg,['lags_sequence'],[0]); LL=L+(max(lags) if lags else 0)
        return [R(B,L,ch),R(B,LL),R(B,L),R(B,LL,ch),[R(64),R(64)]]
    if name=='past_observed_mask':
        L=get(cfg,['context_length'],32); lags=get(cfg,['lags_sequence'],[0]); ch=get(cfg,['num_input_channels','input_size'],1)
        return [torch.ones(B,L+(max(lags) if lags else 0)),torch.ones(B,L,ch),torch.ones(B,L)]
    if name=='past_time_features':
        L=get(cfg,['context_length'],32); lags=get(cfg,['lags_sequence'],[0])
        return [R(B,L+max(lags),get(cfg,['num_time_features'],0) or 0)]
    if name=='future_time_features': return [R(B,get(cfg,['prediction_length'],8),get(cfg,['num_time_features'],0) or 0)]
    if name=='future_values': return [R(B,get(cfg,['prediction_length'],8))]
    if name=='static_categorical_features': return [torch.zeros(B,1,dtype=torch.long)]
    if name=='visual_feats': return [R(B,4,get(cfg,['visual_feat_dim'],2048))]
    if name=='visual_pos': return [torch.rand(B,4,4,generator=g)]
    if name=='visual_embeds': return [R(B,4,get(cfg,['visual_embedding_dim'],512))]
    if name in('inputs_embeds','encoder_embeds','query_embeds','encoder_hidden_states','input_embeds'): return [R(B,S,hid)]+([R(B,S,get(cfg,['encoder_hidden_size'],hid))] if name=='encoder_hidden_states' else [])
    if name=='audio_mel': return [R(B,64,get(cfg,['input_feat_size'],128))]
    if name=='audio_mel_mask': return [torch.zeros(B,64,dtype=torch.bool)]
    if name=='inputs': return [R(B,S,get(cfg,['d_model'],64)),R(B,get(cfg,['max_position_embeddings'],64),get(cfg,['d_model'],64))]
    if name in('position_ids',): return [torch.arange(S).expand(B,S).contiguous()]
    if name=='states': return [R(B,S,get(cfg,['state_dim'],17))]
    if name=='actions': return [R(B,S,get(cfg,['act_dim'],4))]
    if name in('rewards','returns_to_go'): return [R(B,S,1)]
    if name=='timesteps': return [torch.arange(S).expand(B,S).contiguous(), torch.rand(B)]
    if name in('input_points',): return [torch.rand(B,1,1,2,generator=g)]
    if name=='input_labels': return [torch.ones(B,1,1,dtype=torch.long)]
    if name in('conditional_pixel_values',): return [R(B,C,h,w)]
    if name=='speech_ids_': return [I(30,B,S)]
    if name=='keypoints': return [torch.rand(B,2,16,2,generator=g)]
    if name=='descriptors': return [R(B,2,16,64)]
    if name=='mask': return [torch.ones(B,S,dtype=torch.long)]
    if name in('noise_sequence','spectrogram'): return [R(B,16,get(cfg,['num_mel_bins','model_in_channels'],100))]
    if name=='decoder_inputs_embeds': return [R(B,S,hid)]
    if name=='cu_seqlens': return [torch.tensor([0,16],dtype=torch.int32)]
    if name=='feature_lens': return [torch.tensor([64])]
    if name=='head_mask': return []
    return []

import itertools
def candidates(model,cfg,limit=60):
    ps=inspect.signature(model.forward).parameters
    names=[n for n,p in ps.items() if p.kind in(p.POSITIONAL_OR_KEYWORD,p.KEYWORD_ONLY)]
    req=[n for n in names if ps[n].default is inspect._empty]
    main=getattr(model,'main_input_name','input_ids')
    mains=list(main) if isinstance(main,(list,tuple)) else [main]
    want=list(dict.fromkeys([m for m in mains if m in names]+req))
    if not want:
        for n in('input_ids','pixel_values','input_values','input_features','hidden_states','inputs_embeds'):
            if n in names: want=[n]; break
    encdec=getattr(cfg,'is_encoder_decoder',False) or 'decoder_input_ids' in names
    add=lambda *x:[n for n in x if n in names]
    sets=[]
    base=list(want)
    ed=list(dict.fromkeys(base+(add('decoder_input_ids') if encdec else [])))
    sets+= [ed]
    sets+= [list(dict.fromkeys(ed+add('grid_thw','image_grid_thw','spatial_shapes','pixel_attention_mask','image_grid_hws','pixel_position_ids','image_position_ids')))]
    if 'decoder_input_values' in names: sets.insert(0,add('input_values','decoder_input_values'))
    if 'spatial_shapes' in names: sets.insert(0,add('input_ids','pixel_values','pixel_attention_mask','spatial_shapes'))
    if 'qformer_input_ids' in names: sets.insert(0,add('pixel_values','qformer_input_ids','input_ids'))
    if 'pixel_values' in names: sets+=[list(dict.fromkeys(ed+['pixel_values'])), list(dict.fromkeys(add('input_ids','pixel_values','attention_mask')+ed)),['pixel_values']]
    if 'bbox' in names: sets+=[list(dict.fromkeys(ed+['bbox'])),list(dict.fromkeys(ed+add('bbox','image','pixel_values')))]
    for n in('input_features','input_values','attention_mask','visual_embeds','query_embeds','past_observed_mask','inputs_embeds','audio_codes','input_features_mask','token_type_ids','feature_lens','pixel_values_videos','future_values'):
        if n in names: sets+=[list(dict.fromkeys(ed+[n]))]
    if 'encoder_hidden_states' in names: sets+=[list(dict.fromkeys(ed+['encoder_hidden_states'])),add('query_embeds','encoder_hidden_states')]
    if 'decoder_input_ids' in ed: sets+=[base]
    if 'past_values' in names: sets.insert(0,add('past_values','past_time_features','past_observed_mask','static_categorical_features','future_values','future_time_features')); 
    if 'visual_feats' in names: sets.insert(0,add('input_ids','visual_feats','visual_pos'))
    if 'states' in names: sets.insert(0,add('states','actions','rewards','returns_to_go','timesteps','attention_mask'))
    sets.append(add('input_ids')); sets.append(add('pixel_values')); sets.append(add('inputs_embeds'))
    seen=set(); n=0
    for s in sets:
        key=tuple(sorted(s))
        if not s or key in seen: continue
        seen.add(key)
        alts=[alternatives(k,cfg,names) for k in s]
        if any(len(a)==0 for a in alts): 
            s2=[(k,a) for k,a in zip(s,alts) if a]; 
            if not s2 or any(k in req for k,a in zip(s,alts) if not a): continue
            s,alts=[k for k,_ in s2],[a for _,a in s2]
        c=0
        for combo in itertools.product(*alts):
            yield dict(zip(s,combo)); n+=1; c+=1
            if c>=16 or n>=limit: break
        if n>=limit: return

def special(name,cfg,level):
    for c in walk(cfg):
        mt=c.model_type or ''
        rp=getattr(c,'rope_parameters',None)
        if name.startswith('cohere_compass') and rp in({},None) and hasattr(c,'layer_types'):
            c.rope_parameters={t:{'rope_type':'default','rope_theta':10000.0} for t in('full_attention','sliding_attention','chunked_attention')}
        if name.startswith('hunyuan') and isinstance(rp,dict):
            c.rope_parameters={**{k:v for k,v in rp.items() if v is not None},'rope_type':'default','rope_theta':10000.0}
        if level<2 and isinstance(rp,dict) and 'mrope_section' in rp:
            if name.startswith(('glm4v_moe','glm46v')): c.rope_parameters={**rp,'mrope_section':[1,1,2]}
            if 'ernie' in name: c.rope_parameters={**rp,'mrope_section':[3,3,2]}
    if name=='mamba2' and level<2: cfg.num_heads=8; cfg.head_dim=16; cfg.n_groups=1; cfg.state_size=16; cfg.chunk_size=8
    if name=='xmod': cfg.default_language='en_XX'
    if name=='step3p7':
        for c in walk(cfg):
            if getattr(c,'sliding_window',0) is None: c.sliding_window=4
    if name=='efficientnet': cfg.image_size=64; cfg.hidden_dim=2560; 
    return cfg
