//! Which token comes next: penalties, the likely ones, a draw; and with a grammar only what it allows.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::json_schema_to_grammar;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use crate::{Error, Options};

/// Tokens that penalties look back at.
const LOOK_BACK: i32 = 256;
/// The seed for which llama.cpp takes one from the system.
const ANY: u32 = u32::MAX;

pub(crate) struct Sampler {
    chain: LlamaSampler,
    grammar: Option<LlamaSampler>,
}

impl Sampler {
    pub fn new(model: &LlamaModel, options: &Options) -> Result<Self, Error> {
        let mut chain = Vec::new();
        if (options.repeat_penalty - 1.0).abs() > f32::EPSILON
            || options.frequency_penalty != 0.0
            || options.presence_penalty != 0.0
        {
            chain.push(LlamaSampler::penalties(
                model.n_vocab(),
                LOOK_BACK,
                options.repeat_penalty,
                options.frequency_penalty,
                options.presence_penalty,
            ));
        }
        if options.temperature > 0.0 {
            chain.push(LlamaSampler::top_k(options.top_k));
            chain.push(LlamaSampler::top_p(options.top_p, 1));
            chain.push(LlamaSampler::min_p(options.min_p, 1));
            chain.push(LlamaSampler::temp(options.temperature));
            chain.push(LlamaSampler::dist(options.seed.unwrap_or(ANY)));
        } else {
            chain.push(LlamaSampler::greedy());
        }
        let grammar = match &options.schema {
            None => None,
            Some(schema) => {
                let grammar = json_schema_to_grammar(&schema.to_string()).map_err(|_| {
                    Error::Refused("The JSON schema cannot be turned into a grammar".to_owned())
                })?;
                let grammar = LlamaSampler::grammar(model, &grammar, "root");
                Some(
                    grammar
                        .map_err(|_| Error::Refused("The JSON schema makes no usable grammar".to_owned()))?,
                )
            }
        };
        Ok(Self { chain: LlamaSampler::chain(chain, true), grammar })
    }

    /// Draws a token from the output `index` of the last computation, and remembers it.
    pub fn draw(&mut self, context: &LlamaContext<'_>, index: i32) -> Result<LlamaToken, Error> {
        let Some(grammar) = &mut self.grammar else { return Ok(self.chain.sample(context, index)) };
        let mut candidates = context.token_data_array_ith(index);
        candidates.apply_sampler(&mut self.chain);
        let mut drawn = candidates.selected_token().ok_or_else(no_token)?;
        // Most often the grammar allows what was drawn. Asking it about one token is cheap, about all of them is not.
        let mut single = LlamaTokenDataArray::new(vec![LlamaTokenData::new(drawn, 1.0, 0.0)], false);
        single.apply_sampler(grammar);
        if single.data[0].logit() == f32::NEG_INFINITY {
            let mut candidates = context.token_data_array_ith(index);
            candidates.apply_sampler(grammar);
            candidates.data.retain(|candidate| candidate.logit() > f32::NEG_INFINITY);
            candidates.apply_sampler(&mut self.chain);
            drawn = candidates.selected_token().ok_or_else(no_token)?;
        }
        self.chain.accept(drawn);
        grammar.try_accept(drawn).map_err(|_| no_token())?;
        Ok(drawn)
    }
}

fn no_token() -> Error {
    Error::Failed("the model found nothing that the grammar allows".to_owned())
}
