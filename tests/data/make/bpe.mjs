// Trains byte-level BPE vocabularies on the texts of ../preferences: ../gpt2 as GPT-2's tokenizer.json is, and the
// tokenizer of ../llama3 as Llama 3's is. Writes the ids that Hugging Face's own tokenizers give to some texts.
// Needs Node.js and the package @huggingface/tokenizers (npm install --no-save @huggingface/tokenizers).
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

const data = new URL('..', import.meta.url).pathname;
const patterns = {
  gpt2: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  llama3: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
};
const texts = ['', ' ', '   ', 'a', '\n', '\n\n', '\t', '\r\n', ' \n ', 'the  cat', "It's Anna's, we'LL see", 'naïve café', '日本語', '🦙', '😶\u200d🌫️', 'e\u0301', '\u00a0x',
  '0123456789 and 4 5', '[INST] Hello [/INST]', '!?!?,,', 'x'.repeat(40), 'größer, Ωμέγα, мир', "What does a goat eat?\n\nA goat likes soup best, but fresh water matters more.",
  'Follow the road along the river for 17 minutes, then turn left.', 'a,b;c', ' the', 'The option\nwhich'];

// GPT-2's characters for bytes: what is printed stands for itself, the others follow from U+0100 on.
const isPrinted = b => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
const characters = [];
for (let b = 0, next = 256; b < 256; b++) characters.push(String.fromCodePoint(isPrinted(b) ? b : next++));
const alphabet = [...Array(256).keys()].sort((a, b) => isPrinted(b) - isPrinted(a) || a - b).map(b => characters[b]);

function train(pattern, size) {
  const words = new Map();
  const source = readFileSync(data + 'preferences/binarized.jsonl', 'utf8').trim().split('\n').map(line => JSON.parse(line))
    .flatMap(row => [...row.prompt, ...row.chosen, ...row.rejected].map(m => m.content)).join('\n');
  // JavaScript's patterns of this age know no (?i:…): a contraction counts here in small letters only.
  for (const [word] of source.matchAll(new RegExp(pattern.replace('(?i:', '(?:'), 'gu'))) {
    const spelled = [...Buffer.from(word)].map(b => characters[b]).join(' ');
    words.set(spelled, (words.get(spelled) ?? 0) + 1);
  }
  const vocab = Object.fromEntries(alphabet.map((c, i) => [c, i])), merges = [];
  let cut = [...words].map(([word, count]) => [word.split(' '), count]);
  while (256 + merges.length < size) {
    const pairs = new Map();
    for (const [pieces, count] of cut)
      for (let i = 0; i + 1 < pieces.length; i++) {
        const pair = pieces[i] + ' ' + pieces[i + 1];
        pairs.set(pair, (pairs.get(pair) ?? 0) + count);
      }
    const [best] = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    const [left, right] = best.split(' ');
    merges.push(best);
    vocab[left + right] ??= 255 + merges.length;
    cut = cut.map(([pieces, count]) => {
      const merged = [];
      for (let i = 0; i < pieces.length; i++)
        merged.push(pieces[i] === left && pieces[i + 1] === right ? left + pieces[++i] : pieces[i]);
      return [merged, count];
    });
  }
  return { vocab, merges };
}

const byteLevel = useRegex => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex });
const added = (id, content) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });

function write(folder, json, config, vocabulary) {
  mkdirSync(data + folder, { recursive: true });
  const whole = { version: '1.0', truncation: null, padding: null, normalizer: null, ...json, decoder: byteLevel(true),
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false, byte_fallback: false, ...json.model, ...vocabulary } };
  writeFileSync(`${data}${folder}/tokenizer.json`, JSON.stringify(whole) + '\n');
  writeFileSync(`${data}${folder}/tokenizer_config.json`, JSON.stringify(config, null, 1) + '\n');
  const reference = new Tokenizer(whole, config);
  const rows = texts.map(text => ({ text, ids: reference.encode(text, { add_special_tokens: false }).ids }));
  writeFileSync(`${data}${folder}/tokenizer_vectors.json`, '[\n' + rows.map(r => JSON.stringify(r)).join(',\n') + '\n]\n');
}

const gpt2 = train(patterns.gpt2, 640);
write('gpt2', { added_tokens: [added(640, '<|endoftext|>')], pre_tokenizer: byteLevel(true), post_processor: byteLevel(true), model: {} },
  { tokenizer_class: 'GPT2Tokenizer', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' }, gpt2);

const llama3 = train(patterns.llama3, 507);
write('llama3', {
  added_tokens: [added(507, '<|start_header_id|>'), added(508, '<|end_header_id|>'), added(509, '<|begin_of_text|>'), added(510, '<|end_of_text|>'), added(511, '<|eot_id|>')],
  pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: patterns.llama3 }, behavior: 'Isolated', invert: false }, byteLevel(false)] },
  post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<|begin_of_text|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<|begin_of_text|>': { id: '<|begin_of_text|>', ids: [509], tokens: ['<|begin_of_text|>'] } } },
  model: { ignore_merges: true },
}, { tokenizer_class: 'PreTrainedTokenizerFast', bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>' }, llama3);
