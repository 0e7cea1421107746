//! Which side of a hash join is held in memory.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;

/// A hash join holds its left side whole. DataFusion chooses it by the number of rows, and a segment (14 KB) counts as much
/// as a beat: this rule puts the side with signals on the right, where it passes by.
#[derive(Debug)]
struct SignalsPassBy;

/// The rules of DataFusion with ours, which has to come before joins get their partitions.
pub(super) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let chosen = rules.iter().position(|rule| rule.name() == "join_selection");
    rules.insert(chosen.map_or(0, |at| at + 1), Arc::new(SignalsPassBy));
    rules
}

impl PhysicalOptimizerRule for SignalsPassBy {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match plan.downcast_ref::<HashJoinExec>() {
            Some(join)
                if has_signals(&join.left().schema())
                    && !has_signals(&join.right().schema())
                    && join.join_type().supports_swap()
                    && !join.null_aware =>
            {
                join.swap_inputs(*join.partition_mode()).map(Transformed::yes)
            }
            _ => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "signals_pass_by"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn has_signals(schema: &SchemaRef) -> bool {
    schema.fields().iter().any(
        |field| matches!(field.data_type(), DataType::List(element) if element.data_type() == &DataType::Float32),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float32Array, Int32Array, ListArray, RecordBatch};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;
    use datafusion::datasource::MemTable;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    fn table(rows: i32, signals: bool) -> Arc<MemTable> {
        let id: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
        let mut columns = vec![("id", id)];
        if signals {
            let element = Arc::new(Field::new("element", DataType::Float32, false));
            let offsets = OffsetBuffer::from_repeated_length(1, rows as usize);
            let values = Arc::new(Float32Array::from(vec![0.5; rows as usize]));
            columns.push(("mv", Arc::new(ListArray::new(element, offsets, values, None))));
        }
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())
    }

    #[tokio::test]
    async fn the_side_with_signals_is_not_the_one_that_is_held() {
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_physical_optimizer_rules(rules())
            .build();
        let context = SessionContext::new_with_state(state);
        // By the number of rows, the signals would be held.
        context.register_table("segments", table(10, true)).unwrap();
        context.register_table("beats", table(1000, false)).unwrap();
        for sql in [
            "select * from segments join beats using (id)",
            "select * from beats join segments using (id)",
            "select * from segments left join beats using (id)",
        ] {
            let frame = context.sql(sql).await.unwrap();
            let plan = frame.clone().create_physical_plan().await.unwrap();
            let mut joins = 0;
            plan.transform_up(|plan| {
                if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
                    joins += 1;
                    assert!(!has_signals(&join.left().schema()), "{sql}");
                    assert!(has_signals(&join.right().schema()), "{sql}");
                }
                Ok(Transformed::no(plan))
            })
            .unwrap();
            assert_eq!(joins, 1, "{sql}");
            assert_eq!(frame.count().await.unwrap(), 10, "{sql}");
        }
    }
}
