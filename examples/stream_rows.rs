//! Rows as they come, in async code: `cargo run --release --example stream_rows`.

use gleamflow::{Flow, lua};

#[tokio::main(flavor = "current_thread")]
async fn main() -> gleamflow::Result<()> {
    let is_prime = lua!(
        "function(n)
            for i = 2, math.sqrt(n) do
                if n % i == 0 then return false end
            end
            return true
        end"
    );
    let mut primes = Flow::new().range(2..i64::MAX).filter(is_prime).stream::<i64>()?;
    while let Some(prime) = primes.next_row().await.transpose()? {
        println!("{prime}");
        if prime > 40 {
            // A stream that is dropped ends its flow, which had hardly begun.
            break;
        }
    }
    Ok(())
}
